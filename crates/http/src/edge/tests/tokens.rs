//! What the uses of API tokens are told from.

use super::*;
use crate::origin::{Peer, TrustedProxies};
use parking_lot::Mutex;
use std::net::{IpAddr, SocketAddr};

/// Knows one token, and keeps what it is told of its uses.
struct Watched {
    owner: Principal,
    uses: Mutex<Vec<(String, IpAddr)>>,
}

#[async_trait]
impl Credentials for Watched {
    async fn access_key(&self, _: &str) -> Result<Lookup<KeyRecord>, Unavailable> {
        Ok(Lookup::Unknown)
    }

    async fn api_token(&self, token: &str) -> Result<Lookup<Principal>, Unavailable> {
        Ok((token == TOKEN).then(|| self.owner.clone()).into())
    }

    fn token_used(&self, token: &str, from: IpAddr) {
        self.uses.lock().push((token.to_owned(), from));
    }
}

#[tokio::test]
async fn a_use_is_one_that_was_let_in_and_has_the_clients_address() {
    let user = root();
    let watched = Arc::new(Watched {
        owner: Caller::with_key(user, AccessKeyId::parse(KEY).unwrap()).into(),
        uses: Mutex::default(),
    });
    let mut parts = Parts::bare(
        Arc::clone(&watched) as Arc<dyn Credentials>,
        ManualClock::new(now()),
        SeededEntropy::new(7),
    );
    parts.proxies = TrustedProxies::new([TrustedProxies::parse_network("10.0.0.0/8").unwrap()]);
    let edge = Edge::new(Arc::new(Echo(Scheme::ApiToken)), parts);
    for (peer, headers, used_from) in [
        ("203.0.113.9:1", vec![("x-auth-token", TOKEN)], Some("203.0.113.9")),
        (
            "10.0.0.7:1",
            vec![("x-auth-token", TOKEN), ("x-forwarded-for", "198.51.100.4")],
            Some("198.51.100.4"),
        ),
        (
            "203.0.113.9:1",
            vec![("x-auth-token", TOKEN), ("x-forwarded-for", "198.51.100.4")],
            Some("203.0.113.9"),
        ),
        (
            "203.0.113.9:1",
            vec![("x-auth-key", TOKEN), ("x-auth-email", "root@example.com")],
            Some("203.0.113.9"),
        ),
        (
            "203.0.113.9:1",
            vec![("x-auth-key", TOKEN), ("x-auth-email", "other@example.com")],
            None,
        ),
        ("203.0.113.9:1", vec![("x-auth-token", "00")], None),
        ("203.0.113.9:1", vec![], None),
    ] {
        let ask = headers
            .iter()
            .fold(Ask::new(Method::GET, "/"), |ask, (name, value)| ask.header(name, value));
        let mut request = ask.build();
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(Peer(peer));
        edge.handle(request).await;
        let told: Vec<_> = watched.uses.lock().drain(..).collect();
        let expected: Vec<(String, IpAddr)> = used_from
            .map(|from| (TOKEN.to_owned(), from.parse().unwrap()))
            .into_iter()
            .collect();
        assert_eq!(told, expected, "{peer} {headers:?}");
    }
}
