// The findings with what filters and rows ask for.

const NO_CHECK = {
  id: "unknown", vendor: "Unknown", description: "", remediation: "", rotate: null,
  references: [], env: [],
};

const findings = data.findings.map((finding, index) => {
  const check = data.checks[finding.check] || NO_CHECK;
  const commit = data.commits[finding.commit];
  const message = finding.message || check.description;
  const day = commit && /^\d{4}-\d{2}-\d{2}/.test(commit.date) ? commit.date.slice(0, 10) : "";
  const verify = finding.verified ? finding.verified[0] : "not-tried";
  return {
    ...finding,
    index, check, commit, message, day, verify,
    provider: check.vendor,
    rank: SEVERITIES.indexOf(finding.severity),
    sure: CONFIDENCES.indexOf(finding.confidence),
    live: verify.startsWith("live"),
    status: finding.allowed === undefined ? "open" : "allowed",
    where: finding.gone ? "history" : "files",
    spot: finding.file || finding.start[0] > 0
      ? `${finding.place}:${finding.start[0]}:${finding.start[1]}` : finding.place,
  };
});

// In how many findings each value stands.
const sharing = new Map();
for (const { value } of findings) {
  if (value !== undefined) sharing.set(value, (sharing.get(value) || 0) + 1);
}

// What the search looks in; made when it is first needed.
function haystack(finding) {
  if (finding.hay === undefined) {
    const { commit, check } = finding;
    finding.hay = [
      finding.place, finding.message, finding.excerpt, finding.secret, finding.fingerprint,
      check.id, check.vendor, finding.severity, finding.allowed,
      commit && [commit.id, commit.author, commit.email, commit.date, commit.subject].join("\n"),
      (finding.notes || []).join("\n"),
    ].join("\n").toLowerCase();
  }
  return finding.hay;
}

// A message such as "Stripe secret key: moves money." as its name and the rest.
function parts(message) {
  const at = message.indexOf(": ");
  return at > 0 && at < 60 ? [message.slice(0, at), message.slice(at + 2)] : [message, ""];
}

const shortId = (commit) => commit.id.slice(0, 10);

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let n = bytes;
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1000;
    unit += 1;
  }
  return `${unit ? n.toFixed(1) : n} ${units[unit]}`;
}
