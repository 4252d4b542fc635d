//! Traffic worth capturing: HTTP requests to the server itself, and DNS questions to a small name server beside it.

use super::api::Http;
use super::dns;
use crate::failure::Failure;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;

/// The name server's ports in the order in which they are tried: the real one needs a privilege, dissectors know the
/// second too.
const NAME_SERVER_PORTS: [u16; 2] = [53, 5353];

/// What the names lead to (TEST-NET-1, RFC 5737: nobody's address).
const ADDRESS: [u8; 4] = [192, 0, 2, 17];

/// The pause between two rounds: some hundred packets a second, far below the packet limit of a capture.
const PAUSE: Duration = Duration::from_millis(60);

/// How long a question waits for its answer.
const DNS_PATIENCE: Duration = Duration::from_millis(200);

/// Makes traffic until it is dropped.
pub(super) async fn flow(http: &Http, urls: &[String]) -> Result<(), Failure> {
    let server = name_server().await?;
    let address = server.local_addr().map_err(|error| failed(&error))?;
    tokio::select! {
        () = answer_names(&server) => {}
        ended = ask(http, urls, address) => ended?,
    }
    Ok(())
}

/// A loopback address of this process's own, out of the way of resolvers and of other demonstrations.
fn name_server_address() -> Ipv4Addr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 53, high, low.clamp(1, 254))
}

async fn name_server() -> Result<UdpSocket, Failure> {
    let mut last = None;
    for port in NAME_SERVER_PORTS {
        match UdpSocket::bind((name_server_address(), port)).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(|| Failure::new("no name server"), |error| failed(&error)))
}

async fn answer_names(server: &UdpSocket) {
    let mut message = [0; 512];
    loop {
        // What cannot be received or sent is a lost packet, as on any network.
        let Ok((length, from)) = server.recv_from(&mut message).await else {
            continue;
        };
        if let Some(answer) = dns::answer(&message[..length], ADDRESS) {
            let _ = server.send_to(&answer, from).await;
        }
    }
}

async fn ask(http: &Http, urls: &[String], server: SocketAddr) -> Result<(), Failure> {
    let client = UdpSocket::bind("127.0.0.1:0").await.map_err(|error| failed(&error))?;
    let mut round: u16 = 0;
    loop {
        let name = format!("host-{}.demo.example", round % 10);
        client
            .send_to(&dns::query(round, &name), server)
            .await
            .map_err(|error| failed(&error))?;
        let mut answer = [0; 512];
        // A lost answer is asked for again by the next round.
        let _ = tokio::time::timeout(DNS_PATIENCE, client.recv_from(&mut answer)).await;
        for url in urls {
            // The requests are there to be seen; what they answer is of no matter.
            let _ = http.get(url).await;
        }
        round = round.wrapping_add(1);
        tokio::time::sleep(PAUSE).await;
    }
}

fn failed(error: &std::io::Error) -> Failure {
    Failure::because("the demonstration's DNS traffic cannot be made", error)
}
