//! How an agent gets its certificate, and another.

use crate::connection::{Connection, ServerAddress};
use crate::error::Error;
use crate::identity::{Given, Identity, Key, sha256};
use crate::tls;
use baleen_agentwire::Purpose;
use serde_json::{Value, json};

/// The SHA-256 of the authority that a token names, by which the server is known from the first byte on.
fn authority_of(token: &str) -> Option<[u8; 32]> {
    let words: Vec<&str> = token.split('.').collect();
    let ["blagent1", _account, _secret, sha256] = words[..] else {
        return None;
    };
    let mut bytes = [0; 32];
    if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(sha256.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Enrols at a server with a token, which is used up by it.
///
/// # Errors
/// `Token`; those of the connection; `Refused` for a token that is used, over, or of another server.
pub async fn enrol(server: &ServerAddress, token: &str, name: &str) -> Result<Identity, Error> {
    let authority = authority_of(token).ok_or(Error::Token)?;
    let connection = Connection::open(server, &server.look_up().await?, &tls::pinned(authority)?).await?;
    let key = Key::new()?;
    let (public_key, signature) = key.proven(Purpose::Enrol { token })?;
    let asked = json!({ "token": token, "publicKey": public_key, "signature": signature, "name": name });
    let identity = key.identity(&given(connection.ask("enrol", &asked).await?)?)?;
    // It would be no way to know the server by afterwards.
    if sha256(&identity.authority) != authority {
        return Err(Error::Answer("its authority is not that of the token"));
    }
    tls::mutual(&identity)?;
    Ok(identity)
}

/// Gets another certificate for another key, over a connection that shows the one there is.
pub(crate) async fn renew(connection: &Connection, identity: &Identity) -> Result<Identity, Error> {
    let key = Key::new()?;
    let certificate = &identity.fingerprint();
    let (public_key, signature) = key.proven(Purpose::Renew { certificate })?;
    let asked = json!({ "publicKey": public_key, "signature": signature });
    let renewed = key.identity(&given(connection.ask("renew", &asked).await?)?)?;
    if renewed.id != identity.id || renewed.authority != identity.authority {
        return Err(Error::Answer("it is of another agent or authority"));
    }
    tls::mutual(&renewed)?;
    Ok(renewed)
}

fn given(answer: Value) -> Result<Given, Error> {
    serde_json::from_value(answer).map_err(|_| Error::Answer("there is no certificate in it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_the_authority() {
        let sha256 = "ab".repeat(32);
        let token = format!("blagent1.123456789012.{}.{sha256}", "0".repeat(40));
        assert_eq!(authority_of(&token), Some([0xab; 32]));
        for wrong in [
            "",
            "blagent1",
            &token[1..],
            &token[..token.len() - 1],
            &format!("{token}."),
            &token.replace("blagent1", "blagent2"),
            &token.replace("ab", "ax"),
            &token.replace("ab", "+b"),
            &format!("blagent1.a.b.{}", "ä".repeat(32)),
        ] {
            assert_eq!(authority_of(wrong), None, "{wrong}");
        }
    }
}
