/* A file system that folds case: below the folder FOLDS, a name that is not there stands for one that differs
 * from it in the case of its letters only. Loaded into the program under test, which knows nothing of it.
 * System calls that take paths are trapped, also those that no C library makes, and made again with the names
 * that the disk has. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define LONGEST 8192

static const char *top;

/* The one place from which such calls are let through: what it returns to is checked. */
long call(long number, long a, long b, long c, long d, long e, long f);
extern const char called[];
#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
__asm__(".globl call\n.hidden call\ncall:\n"
        "mov %rdi, %rax\nmov %rsi, %rdi\nmov %rdx, %rsi\nmov %rcx, %rdx\nmov %r8, %r10\nmov %r9, %r8\n"
        "mov 8(%rsp), %r9\nsyscall\n.globl called\n.hidden called\ncalled:\nret\n");
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
__asm__(".globl call\n.hidden call\ncall:\n"
        "mov x8, x0\nmov x0, x1\nmov x1, x2\nmov x2, x3\nmov x3, x4\nmov x4, x5\nmov x5, x6\n"
        "svc #0\n.globl called\n.hidden called\ncalled:\nret\n");
#endif

/* Which arguments are folders and paths in them; -1 for the current folder or none. */
static const struct { int number, folder, path, other_folder, other; } calls[] = {
    {SYS_openat, 0, 1, -1, -1}, {SYS_newfstatat, 0, 1, -1, -1}, {SYS_statx, 0, 1, -1, -1},
    {SYS_faccessat, 0, 1, -1, -1}, {SYS_faccessat2, 0, 1, -1, -1}, {SYS_readlinkat, 0, 1, -1, -1},
    {SYS_unlinkat, 0, 1, -1, -1}, {SYS_mkdirat, 0, 1, -1, -1}, {SYS_fchmodat, 0, 1, -1, -1},
    {SYS_renameat2, 0, 1, 2, 3}, {SYS_chdir, -1, 0, -1, -1},
#if defined(__x86_64__)
    {SYS_open, -1, 0, -1, -1}, {SYS_stat, -1, 0, -1, -1}, {SYS_lstat, -1, 0, -1, -1},
    {SYS_access, -1, 0, -1, -1}, {SYS_readlink, -1, 0, -1, -1}, {SYS_unlink, -1, 0, -1, -1},
    {SYS_mkdir, -1, 0, -1, -1}, {SYS_rename, -1, 0, -1, 1}, {SYS_renameat, 0, 1, 2, 3},
#endif
};
#define CALLS (sizeof calls / sizeof *calls)

static char lower(char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

static int same(const char *a, const char *b) {
    while (*a && lower(*a) == lower(*b)) a++, b++;
    return lower(*a) == lower(*b);
}

/* The name in `folder` that `name` stands for, put in its place; both have the same length. */
static void find(const char *folder, char *name) {
    struct entry { unsigned long inode; long offset; unsigned short size; char kind; char name[]; };
    char buffer[4096];
    long fd = call(SYS_openat, AT_FDCWD, (long)folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
    if (fd < 0) return;
    for (;;) {
        long filled = call(SYS_getdents64, fd, (long)buffer, sizeof buffer, 0, 0, 0);
        if (filled <= 0) break;
        for (long at = 0; at < filled;) {
            struct entry *entry = (struct entry *)(buffer + at);
            at += entry->size;
            if (same(entry->name, name)) {
                strcpy(name, entry->name);
                filled = 0;
            }
        }
        if (!filled) break;
    }
    call(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* The path that the disk has for `path`, in `out`; `path` itself where nothing is to be changed. */
static long folded(long folder, const char *path, char *out) {
    size_t length = 0, start = strlen(top);
    if (!path || !*path || strlen(path) > LONGEST / 2) return (long)path;
    if (*path != '/') {
        char link[32] = "/proc/self/cwd", digits[12];
        if (folder != AT_FDCWD) {
            int at = 0, to = 14;
            for (long left = folder; at == 0 || left; left /= 10) digits[at++] = '0' + left % 10;
            memcpy(link, "/proc/self/fd/", 14);
            while (at) link[to++] = digits[--at];
            link[to] = 0;
        }
        long got = call(SYS_readlinkat, AT_FDCWD, (long)link, (long)out, LONGEST / 2, 0, 0);
        if (got <= 0) return (long)path;
        length = got;
        out[length++] = '/';
    }
    strcpy(out + length, path);
    if (strncmp(out, top, start) || out[start] != '/') return (long)path;
    int changed = 0;
    for (char *name = out + start; *name;) {
        while (*name == '/') name++;
        char *end = strchrnul(name, '/'), kept = *end;
        struct stat found;
        *end = 0;
        if (*name && call(SYS_newfstatat, AT_FDCWD, (long)out, (long)&found, AT_SYMLINK_NOFOLLOW, 0, 0) == -ENOENT) {
            char before[256];
            if (end - name > 255) return (long)path;
            strcpy(before, name);
            name[-1] = 0;
            char wanted[256];
            strcpy(wanted, before);
            find(out, wanted);
            name[-1] = '/';
            memcpy(name, wanted, end - name);
            changed |= strcmp(before, wanted) != 0;
        }
        *end = kept;
        name = end;
    }
    return changed ? (long)out : (long)path;
}

static void trapped(int signal, siginfo_t *info, void *context) {
    (void)signal;
    ucontext_t *at = context;
    char one[LONGEST], two[LONGEST];
#if defined(__x86_64__)
    static const int places[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};
    long given[6];
    for (int n = 0; n < 6; n++) given[n] = at->uc_mcontext.gregs[places[n]];
#elif defined(__aarch64__)
    long given[6];
    for (int n = 0; n < 6; n++) given[n] = at->uc_mcontext.regs[n];
#endif
    for (size_t n = 0; n < CALLS; n++) {
        if (calls[n].number != info->si_syscall) continue;
        long folder = calls[n].folder < 0 ? AT_FDCWD : (int)given[calls[n].folder];
        given[calls[n].path] = folded(folder, (char *)given[calls[n].path], one);
        if (calls[n].other < 0) continue;
        folder = calls[n].other_folder < 0 ? AT_FDCWD : (int)given[calls[n].other_folder];
        given[calls[n].other] = folded(folder, (char *)given[calls[n].other], two);
    }
    long done = call(info->si_syscall, given[0], given[1], given[2], given[3], given[4], given[5]);
#if defined(__x86_64__)
    at->uc_mcontext.gregs[REG_RAX] = done;
#elif defined(__aarch64__)
    at->uc_mcontext.regs[0] = done;
#endif
}

__attribute__((constructor)) static void load(void) {
    top = getenv("FOLDS");
    if (!top) return;
    struct sock_filter code[CALLS + 8];
    unsigned long back = (unsigned long)called;
    int n = 0;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t each = 0; each < CALLS; each++)
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[each].number, CALLS - each, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)back, 0, 3);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4);
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(back >> 32), 0, 1);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    struct sock_fprog program = {n, code};
    struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSYS, &action, NULL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) abort();
}
