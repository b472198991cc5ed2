//! A JWT that a Google service account signs for itself. Google's APIs take it in place of an
//! access token (AIP-4111), so that nothing is minted to look whether the key works.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use zeroize::Zeroizing;

use crate::verify::template::Clear;

/// Seconds for which the token holds.
const LIFE: i64 = 300;

/// Who signs, and for whom.
pub struct Claims<'c> {
    /// The account.
    pub email: &'c str,
    /// Id of its key.
    pub key_id: &'c str,
    /// The API, as `https://HOST/`.
    pub audience: &'c str,
    /// Now, in seconds since 1970.
    pub now: i64,
}

/// A token signed with the private key `pem`, in which line breaks may be written `\n`.
///
/// # Errors
/// What is wrong with the key; holds no part of it.
pub fn sign(pem: &str, claims: &Claims<'_>) -> Result<Clear, String> {
    let key = key(pem)?;
    let header = serde_json::json!({ "alg": "RS256", "typ": "JWT", "kid": claims.key_id });
    let body = serde_json::json!({
        "iss": claims.email,
        "sub": claims.email,
        "aud": claims.audience,
        "iat": claims.now,
        "exp": claims.now + LIFE,
    });
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut token = Clear::new(format!("{}.{}", part(header), part(body)));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
        .map_err(|_| "the private key cannot sign".to_owned())?;
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(signature));
    Ok(token)
}

fn key(pem: &str) -> Result<RsaKeyPair, String> {
    let text = Zeroizing::new(pem.replace("\\\\n", "\n").replace("\\n", "\n").replace("\\r", ""));
    let begin = text.find("-----BEGIN ").ok_or("it is no PEM")?;
    let (label, rest) = text[begin + 11..].split_once("-----").ok_or("it is no PEM")?;
    let body = rest.split("-----").next().unwrap_or_default();
    let body = Zeroizing::new(body.split_whitespace().collect::<String>());
    let der = Zeroizing::new(STANDARD.decode(body.as_bytes()).map_err(|_| "it is no PEM")?);
    let key = match label {
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der),
        _ => RsaKeyPair::from_pkcs8(&der),
    };
    key.map_err(|_| "it is no RSA key of 2048 bits or more".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key made for this test; it opens nothing.
    const BODY: &str = "\
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCYbHE2lQmdz2kbOPXq2VWVLYLSTdSEUGFFtt5k\
        YFKz81R2K/cRSd2KqiQqeZxDboydHv/5xqAVRXHlHr62zqbJ+vNWwIz11BIRniA1uNuXra39PPAmRKxotPlvCC9W\
        zbpGCgzNPsf7J0sOWMlyo8L3BAaHBN71kxhEG2MyEH5hcfZlZ6uxNiQGAGpdq7Af/tTlweXkl7cYvLcVDAo0OqZL\
        uUxZEe8u/0IipsJRADUSX0Hhk6dPk5fIuTHRr69qrMPwMkMYqO0fZ5XRudLkew8l2ZdCh6rlYPeAbJeRIB/Y843y\
        hf1a0DfgTZ7fYHnV6OsLfo0i93KeI4I0i+LnE7pPAgMBAAECggEAASa4iDAB/ZYmdhUtDlQL6G+KkGoUE9fDlFI4\
        RcvQdBl/ZtEYMaI8MSLt2QBIJN4946XrSwisBt0aah+cUycmbVoe4mXb6rNqW4W1OpKl3fRq3wHJ0pAsOTI8vBD0\
        wpQVNxg2VoqF2ijG0VnsU5hXDaSTJAvuXy54PXNzgVpMihHeTXHn0skDSqAGEXOBsbQC9fKxaUmbcsc2ILMxKNv7\
        u7fd2QPw9cVJ41c4JmOVjnE3Vczzn0OkDnFM2z24ZMzgy9EbhVa/GsmAkmn7JGs2qGDyj0CF+JLxazfuZXxOpVmE\
        T5BXwBTmtNitMP0tytg5kL5qOH7hkqfAgEqSFYSQ4QKBgQDKM7nxK0PiHN+2fODdUXfdWMKUEgUNYueSjIBYNcBl\
        BMv8ON3XU/8ml8mWP4ti85hN1q+LU5TtCwSrAUF/6i+wGuhefrLkyjtt7H8QqdRYR7D4ULpE2qG57P1GRRrX4qYi\
        49cc1mLuan60PPt9jlWnHlX07MBPcC6BIXp10zdTcQKBgQDA+jvP4x82M/Rib8BnpMnbIJICtJE/faMGlU9CQicz\
        d7+CWjxhcV5oyvANwfMJ9gnIl2nWklsTKqTbWbMogmqrAUxN36QXDgGP4+jCBbc5Z+42X2Zdt4bfXfwv+36/mzIv\
        BhIC8sPDpKw/GzifLTDKaEFv6yw9y4bEBp5revWJvwKBgHYZfDM2N/HrN2cYzSW3HbF01EEzvSuyZtsboSLkUjku\
        cg4hEMFh2BcsdJuDBeCHsp9UEzfnW4aP9uwCUcVqfOv461u12Lr0u31asmSDLPla9iwyynjI0ckMeGoAlssdIDgk\
        p1G6jhH+tX6EV8dfyPtRJpdlaHV9akwVx7bl5NyhAoGAewwTr06mzCz8mveeu3d7rllqQIdaRh2aIcx6qUj9Lfgh\
        CMD41zkudatQvbT5f1R+kITbW5IeuG3siGD9t8rQsRE20kDTpE+t903fUDfMyLHYVpsl7oPjX/HRp9a4zvvqV8mL\
        Go4o/Uq2+dYlmHl8LtOjRfWyVAS+faeqw+W3QokCgYEAu33Nqv/dVwxeVHMgcPFy3HULx/LR6X3t0QlI+BKM5rF5\
        lw9iixCmWFP6OuuQzljClD+MY08ORHI9Wf3JGTRQ1E2miyJtNqoy9CYsKllTnZDw7gynCKBw6Rp/NWNTKL6Dzc7s\
        09FernaNSHcXFZw533WZElOm09hfmlPNtIHbAZQ=";

    #[test]
    fn tokens_are_signed_with_the_key() {
        let pem =
            ["-----BEGIN ", "PRIVATE KEY-----\\n", BODY, "\\n-----END ", "PRIVATE KEY-----\\n"];
        let pem = pem.concat();
        let claims = Claims { email: "a@b", key_id: "7", audience: "https://a/", now: 1000 };
        let token = sign(&pem, &claims).unwrap();
        let (text, signature) = token.rsplit_once('.').unwrap();
        let read = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        let public = key(&pem).unwrap();
        let public = ring::signature::UnparsedPublicKey::new(
            &ring::signature::RSA_PKCS1_2048_8192_SHA256,
            public.public().as_ref(),
        );
        public.verify(text.as_bytes(), &read(signature)).unwrap();
        let (header, body) = text.split_once('.').unwrap();
        let header: serde_json::Value = serde_json::from_slice(&read(header)).unwrap();
        assert_eq!((&header["alg"], &header["kid"]), (&"RS256".into(), &"7".into()));
        let body: serde_json::Value = serde_json::from_slice(&read(body)).unwrap();
        assert_eq!((&body["sub"], &body["exp"]), (&"a@b".into(), &1300.into()));
        assert!(body.get("scope").is_none());
    }

    #[test]
    fn what_is_no_key_is_said() {
        let claims = Claims { email: "a@b", key_id: "1", audience: "https://a/", now: 0 };
        assert!(sign("nothing", &claims).is_err());
        let pem =
            ["-----BEGIN ", "PRIVATE KEY-----\\nAAAA\\n-----END ", "PRIVATE KEY-----"].concat();
        assert_eq!(sign(&pem, &claims).unwrap_err(), "it is no RSA key of 2048 bits or more");
    }
}
