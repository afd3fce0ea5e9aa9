//! A TCP proxy that cuts one connection, at a `COMMIT` or before any packet.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Where the connection is cut next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Nowhere,
    /// After so many packets; the server sees no more of them.
    AfterPackets(u32),
    /// The server never sees the next commit.
    BeforeCommit,
    /// The server has done the next commit, but its answer never comes.
    BeforeAnswer,
    /// The same for the commit after the next.
    BeforeSecondAnswer,
}

/// A proxy before a server.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    next: Arc<Mutex<Cut>>,
}

impl Proxy {
    pub(crate) fn new(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let next = Arc::new(Mutex::new(Cut::Nowhere));
        let cuts = Arc::clone(&next);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                serve(client, server, &cuts);
            }
        });
        Self { port, next }
    }

    pub(crate) fn cut_next(&self, cut: Cut) {
        *self.next.lock().unwrap() = cut;
    }

    /// Whether the cut that was asked for has been made.
    pub(crate) fn has_cut(&self) -> bool {
        *self.next.lock().unwrap() == Cut::Nowhere
    }
}

fn serve(client: TcpStream, server: TcpStream, cuts: &Arc<Mutex<Cut>>) {
    let (mut from_client, mut to_client) = (client.try_clone().unwrap(), client);
    let (mut from_server, mut to_server) = (server.try_clone().unwrap(), server);
    let muted = Arc::new(AtomicBool::new(false));
    let (mute, cuts) = (Arc::clone(&muted), Arc::clone(cuts));
    thread::spawn(move || {
        let mut buffer = [0; 1 << 16];
        while let Ok(length @ 1..) = from_client.read(&mut buffer) {
            // A packet of its own: length, sequence number, COM_QUERY, text.
            let is_commit = buffer[..length].ends_with(b"\x03COMMIT");
            let cut = reached(&mut cuts.lock().unwrap(), is_commit);
            if matches!(cut, Cut::BeforeCommit | Cut::AfterPackets(_)) {
                break;
            }
            if cut == Cut::BeforeAnswer {
                mute.store(true, Ordering::SeqCst);
            }
            if to_server.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = from_client.shutdown(Shutdown::Both);
        let _ = to_server.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let mut buffer = [0; 1 << 16];
        while let Ok(length @ 1..) = from_server.read(&mut buffer) {
            if muted.load(Ordering::SeqCst) || to_client.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = from_server.shutdown(Shutdown::Both);
    });
}

/// What happens at a packet of the client; it happens once.
fn reached(next: &mut Cut, is_commit: bool) -> Cut {
    match next {
        Cut::AfterPackets(left @ 1..) => {
            *left -= 1;
            Cut::Nowhere
        }
        Cut::BeforeCommit | Cut::BeforeAnswer | Cut::BeforeSecondAnswer if !is_commit => Cut::Nowhere,
        Cut::BeforeSecondAnswer => {
            *next = Cut::BeforeAnswer;
            Cut::Nowhere
        }
        _ => std::mem::replace(next, Cut::Nowhere),
    }
}
