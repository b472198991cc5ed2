//! Key stores that programs have made, and others by their layout.

use super::*;

/// A file that openssl, keytool or gpg has made.
macro_rules! made {
    ($name:literal) => {
        &include_bytes!(concat!("../../../tests/data/keystores/", $name))[..]
    };
}

#[track_caller]
fn is(bytes: &[u8], name: &str) {
    let line = describe(bytes).unwrap_or_default();
    let size = bytes.len();
    assert!(line.starts_with(&format!("keylint: {name}, {size} bytes, sha256:")), "{line}");
    assert!(is_one(bytes) && may_be(&bytes[..bytes.len().min(64)]));
}

#[test]
fn stores_with_a_key() {
    const OPEN: &str = "PKCS#12 key store under a well-known password";
    is(made!("strong.p12"), "PKCS#12 key store");
    is(made!("open.p12"), OPEN);
    is(made!("empty.p12"), OPEN);
    // SHA-1 and RC2, as before OpenSSL 3.
    is(made!("legacy.p12"), OPEN);
    is(made!("java.p12"), OPEN);
    is(made!("s.jks"), "Java key store");
    is(made!("open.jks"), "Java key store under a well-known password");
    is(made!("s.jceks"), "Java key store under a well-known password");
    is(made!("debug.jks"), "Android debug key store");
    is(made!("debug.p12"), "Android debug key store");
}

#[test]
fn keys_in_der() {
    for key in [made!("pkcs1.der"), made!("pkcs8.der"), made!("sec1.der"), made!("ed.der")] {
        is(key, "private key in DER");
    }
    is(made!("enc.der"), "encrypted private key in DER");
    is(made!("secret.gpg"), "OpenPGP secret key");
}

#[test]
fn certificates_and_public_keys_are_none() {
    let none = [
        made!("certs.p12"),
        made!("trust.p12"),
        made!("trust.jks"),
        made!("cert.der"),
        made!("pub.der"),
        made!("csr.der"),
        made!("pub.gpg"),
    ];
    for bytes in none {
        assert_eq!(describe(bytes), None);
    }
}

/// A store of Bouncy Castle with one entry of `kind`, by the layout that its source has.
fn bouncy(kind: u8) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 2, 0, 0, 0, 20];
    bytes.extend([7; 20]);
    bytes.extend(1500_u32.to_be_bytes());
    let certificate = [&b"\0\x05X.509\0\0\0\x03"[..], &[1, 2, 3]].concat();
    let entry = |kind: u8, chain: u32| {
        let mut entry = [&[kind][..], b"\0\x01a", &[0; 8], &chain.to_be_bytes()].concat();
        (0..chain).for_each(|_| entry.extend(&certificate));
        entry
    };
    bytes.extend(entry(1, 0));
    bytes.extend(&certificate);
    match kind {
        1 => bytes.extend([&entry(1, 0)[..], &certificate].concat()),
        _ => bytes.extend([&entry(kind, 1)[..], b"\0\0\0\x09", &[9; 9]].concat()),
    }
    bytes.push(0);
    bytes.extend([5; 20]);
    bytes
}

#[test]
fn stores_of_bouncy_castle() {
    is(&bouncy(4), "Java key store");
    assert_eq!(describe(&bouncy(1)), None);
}

fn keytab(length: u16) -> Vec<u8> {
    let mut entry = b"\0\x02\0\x0bEXAMPLE.ORG\0\x04HTTP\0\x0fwww.example.org\0\0\0\x01".to_vec();
    entry.extend(1_700_000_000_u32.to_be_bytes());
    entry.extend([3, 0, 18]);
    entry.extend(length.to_be_bytes());
    entry.extend([0xa7; 32]);
    let size = u32::try_from(entry.len()).unwrap();
    [&b"\x05\x02"[..], &size.to_be_bytes(), &entry].concat()
}

#[test]
fn what_a_sign_tells() {
    is(b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5\x01\0\x04\0", "KeePass database");
    is(b"kych\0\x01\0\0\0\0\0\x10", "macOS keychain");
    is(&[b"PWS3", &[9; 32][..], b"\0\x10\0\0"].concat(), "Password Safe database");
    is(b"(21:protected-private-key(3:rsa(1:n", "GnuPG private key");
    is(&keytab(32), "Kerberos keytab");
    let wallet = [&[0; 12][..], &WALLET_MAGIC, &[0; 40], b"\x07keymeta!\x02"].concat();
    is(&wallet, "Bitcoin wallet");
    for text in [
        &b"PWS3 is the sign of Password Safe, version 3, and this is a text"[..],
        b"kych",
        &keytab(31),
    ] {
        assert_eq!(describe(text), None);
    }
}

/// Whatever a file is cut to or holds, it is described or not, and that is all.
#[test]
fn damaged_files_are_read_to_their_end() {
    let all = [
        made!("strong.p12"),
        made!("s.jks"),
        made!("pkcs1.der"),
        made!("secret.gpg"),
        &keytab(32),
        &bouncy(4),
    ];
    for bytes in all {
        for at in 0..bytes.len() {
            describe(&bytes[..at]);
            for value in [0, 0x7f, 0x80, 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[at] = value;
                is_one(&damaged);
            }
        }
    }
}
