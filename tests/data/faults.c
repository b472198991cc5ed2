/* Makes reads fail. Loaded into the program under test, which knows nothing of it.
 * FAULTS names a file with a line each: `F PATH` fails reads of files whose path ends with PATH,
 * `H PATH` has them never come back, `R START END` fails reads of a pack that begin within these bytes, `P START END` ends reads of a pack
 * before START and fails them from there to END; `Q START END` has those never come back that `P` fails, but for those of a
 * MiB, which look for headers. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *lines[4096];
static int count;

__attribute__((constructor)) static void load(void) {
    const char *name = getenv("FAULTS");
    FILE *file = name ? fopen(name, "r") : NULL;
    char line[4096];
    while (file && count < 4096 && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        lines[count++] = strdup(line);
    }
    if (file) fclose(file);
}

static int ends_with(const char *text, const char *end) {
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

/* Says that it does, beside the list, and does. */
static void hang(void) {
    char mark[4096];
    snprintf(mark, sizeof mark, "%s.hangs", getenv("FAULTS"));
    FILE *file = fopen(mark, "w");
    if (file) fclose(file);
    for (;;) pause();
}

/* Shortens `size` to the bytes that can be read. */
static int fails(int fd, long offset, size_t *size) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    for (int at = 0; at < count; at++) {
        long start, end;
        if (lines[at][0] == 'H' && offset < 0 && ends_with(path, lines[at] + 2)) hang();
        if (lines[at][0] == 'F' && offset < 0 && ends_with(path, lines[at] + 2)) return 1;
        if (lines[at][0] == 'R' && offset >= 0 && ends_with(path, ".pack")
            && sscanf(lines[at] + 2, "%ld %ld", &start, &end) == 2 && offset >= start && offset < end) return 1;
        if (strchr("PQ", lines[at][0]) && offset >= 0 && (lines[at][0] == 'P' || *size < 1 << 20) && ends_with(path, ".pack")
            && sscanf(lines[at] + 2, "%ld %ld", &start, &end) == 2
            && offset < end && offset + (long)*size > start) {
            if (offset < start) {
                *size = start - offset;
            } else {
                if (lines[at][0] == 'Q') hang();
                return 1;
            }
        }
    }
    return 0;
}

ssize_t read(int fd, void *buffer, size_t size) {
    static ssize_t (*real)(int, void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "read");
    if (count && fails(fd, -1, &size)) { errno = EIO; return -1; }
    return real(fd, buffer, size);
}

ssize_t pread64(int fd, void *buffer, size_t size, off64_t offset) {
    static ssize_t (*real)(int, void *, size_t, off64_t);
    if (!real) real = dlsym(RTLD_NEXT, "pread64");
    if (count && fails(fd, offset, &size)) { errno = EIO; return -1; }
    return real(fd, buffer, size, offset);
}
