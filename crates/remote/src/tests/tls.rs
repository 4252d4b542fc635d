//! Over TLS: whom to trust, and what is signed then.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use bytes::Bytes;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::fixture::{at, client_over, patient};
use crate::{ConnectFault, Connections, Error, ObjectHeaders};

/// A store which takes every request; its address, its certificate, and the head and body of each request.
struct TlsStore {
    url: String,
    certificate: CertificateDer<'static>,
    requests: Receiver<(String, Vec<u8>)>,
}

impl TlsStore {
    fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let connection = ServerConnection::new(config.clone()).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(connection, socket.unwrap()));
                let mut head = String::new();
                // A client that does not trust us leaves during the handshake.
                while stream.read_line(&mut head).is_ok_and(|read| read > 2) {}
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |text| text.trim().parse().unwrap());
                let mut body = vec![0; length];
                if head.is_empty() || stream.read_exact(&mut body).is_err() {
                    continue;
                }
                let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"e\"\r\ncontent-length: 0\r\n\r\n";
                let _ = stream.get_mut().write_all(answer);
                if sender.send((head, body)).is_err() {
                    return;
                }
            }
        });
        Self {
            url,
            certificate,
            requests,
        }
    }
}

fn trusting(certificate: Option<&CertificateDer<'static>>) -> Connections {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificate.cloned());
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Connections::trusting(Arc::new(config))
}

#[tokio::test]
async fn a_trusted_store_gets_bodies_which_tls_alone_protects() {
    let store = TlsStore::start();
    let (s3, _) = client_over(trusting(Some(&store.certificate)), &store.url, patient());
    s3.put(&at("k"), &ObjectHeaders::default(), Bytes::from_static(b"body"))
        .await
        .unwrap();
    let (head, body) = store.requests.recv().unwrap();
    assert!(head.starts_with("PUT /evidence/k HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"), "{head}");
    assert_eq!(body, b"body");
}

#[tokio::test]
async fn a_store_that_nobody_vouches_for_is_sent_nothing() {
    let store = TlsStore::start();
    let (s3, clock) = client_over(trusting(None), &store.url, patient());
    let refused = s3
        .put(&at("k"), &ObjectHeaders::default(), Bytes::from_static(b"body"))
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "PutObject could not reach the store: its certificate is not trusted"
    );
    let untrusted = ConnectFault::Untrusted;
    assert!(matches!(refused, Error::Connect { fault, .. } if fault == untrusted));
    // The same certificate will not be trusted in a second either.
    assert!(clock.slept().is_empty());
    assert!(store.requests.try_recv().is_err());
}
