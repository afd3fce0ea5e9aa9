//! A TCP proxy that cuts one connection at a `COMMIT`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

/// Where the next commit is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cut {
    Nowhere = 0,
    /// The server never sees it.
    BeforeCommit = 1,
    /// The server has done it, but its answer never comes.
    BeforeAnswer = 2,
}

/// A proxy before a server.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    next: Arc<AtomicU8>,
}

impl Proxy {
    pub(crate) fn new(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let next = Arc::new(AtomicU8::new(Cut::Nowhere as u8));
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
        self.next.store(cut as u8, Ordering::SeqCst);
    }

    /// Whether the cut that was asked for has been made.
    pub(crate) fn has_cut(&self) -> bool {
        self.next.load(Ordering::SeqCst) == Cut::Nowhere as u8
    }
}

fn serve(client: TcpStream, server: TcpStream, cuts: &Arc<AtomicU8>) {
    let (mut from_client, mut to_client) = (client.try_clone().unwrap(), client);
    let (mut from_server, mut to_server) = (server.try_clone().unwrap(), server);
    let muted = Arc::new(AtomicU8::new(0));
    let (mute, cuts) = (Arc::clone(&muted), Arc::clone(cuts));
    thread::spawn(move || {
        let mut buffer = [0; 1 << 16];
        while let Ok(length @ 1..) = from_client.read(&mut buffer) {
            // A packet of its own: length, sequence number, COM_QUERY, text.
            if buffer[..length].ends_with(b"\x03COMMIT") {
                let cut = cuts.swap(Cut::Nowhere as u8, Ordering::SeqCst);
                if cut == Cut::BeforeCommit as u8 {
                    break;
                }
                mute.store(u8::from(cut == Cut::BeforeAnswer as u8), Ordering::SeqCst);
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
            if muted.load(Ordering::SeqCst) == 1 || to_client.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = from_server.shutdown(Shutdown::Both);
    });
}
