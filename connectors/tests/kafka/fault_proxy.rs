//! A proxy before a broker that loses what it is told to lose.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use crate::place::PATIENCE;

/// The number of the request that ends a transaction (Kafka's protocol guide).
const END_TXN: u16 = 26;
/// The number of the request that shuts earlier producers of a transactional id out.
const INIT_PRODUCER_ID: u16 = 22;

/// What happens to the next order to end a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not reach the broker. All connections are cut, and no new ones let through.
    LoseRequest,
    /// It reaches the broker, but the reply is lost. All connections are cut, and no new ones let through.
    LoseReply,
    /// It does not reach the broker, since its connection is cut. All others stay.
    CutRequest,
    /// It reaches the broker, but the reply is lost, since its connection is cut. All others stay.
    CutReply,
}

/// A reply that is to be lost, by its number, and how.
type LostReply = ([u8; 4], Fault);

/// A proxy, under whose address a broker of this machine is known to its clients.
pub(crate) struct FaultProxy {
    /// Where to connect to.
    pub(crate) address: String,
    state: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    dark: bool,
    /// Whether what was to be lost is.
    done: bool,
    takeovers: usize,
    connections: Vec<TcpStream>,
}

impl FaultProxy {
    pub(crate) fn new(broker: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(Shared::default());
        let (broker, shared) = (broker.to_owned(), Arc::clone(&state));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let _cut = shared.serve(client, &broker, port);
            }
        });
        Self { address: format!("127.0.0.1:{port}"), state }
    }

    /// Says what to lose next.
    pub(crate) fn lose(&self, fault: Fault) {
        let mut state = self.state.state.lock().expect("no panic");
        (state.fault, state.done) = (Some(fault), false);
    }

    /// Waits until it is lost.
    pub(crate) fn await_loss(&self) {
        let state = self.state.state.lock().expect("no panic");
        let (state, _) = self.state.changed.wait_timeout_while(state, PATIENCE, |state| !state.done).expect("no panic");
        assert!(state.done, "no transaction is ended");
    }

    /// How often a producer has taken its transactional id over.
    pub(crate) fn takeovers(&self) -> usize {
        self.state.state.lock().expect("no panic").takeovers
    }

    /// Cuts all connections, and lets no new ones through.
    pub(crate) fn darken(&self) {
        self.state.darken();
    }

    /// Lets everything through again.
    pub(crate) fn lift(&self) {
        self.state.state.lock().expect("no panic").dark = false;
    }
}

impl Shared {
    fn serve(self: &Arc<Self>, client: TcpStream, broker: &str, port: u16) -> io::Result<()> {
        if self.state.lock().expect("no panic").dark {
            return client.shutdown(Shutdown::Both);
        }
        let server = TcpStream::connect(broker)?;
        let mut state = self.state.lock().expect("no panic");
        state.connections.extend([client.try_clone()?, server.try_clone()?]);
        drop(state);
        let lost: Arc<Mutex<Option<LostReply>>> = Arc::default();
        let (shared, awaited) = (Arc::clone(self), Arc::clone(&lost));
        let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || {
            while let Ok(frame) = read_frame(&mut from) {
                let fault = match u16::from_be_bytes([frame[0], frame[1]]) {
                    END_TXN => shared.state.lock().expect("no panic").fault.take(),
                    INIT_PRODUCER_ID => {
                        shared.state.lock().expect("no panic").takeovers += 1;
                        None
                    }
                    _ => None,
                };
                match fault {
                    Some(Fault::LoseRequest) => return shared.darken(),
                    Some(Fault::CutRequest) => {
                        let _cut = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                        return shared.has_cut();
                    }
                    Some(fault @ (Fault::LoseReply | Fault::CutReply)) => {
                        *awaited.lock().expect("no panic") = frame[4..8].try_into().ok().map(|number| (number, fault));
                    }
                    None => {}
                }
                if write_frame(&mut to, &frame).is_err() {
                    break;
                }
            }
            let _gone = to.shutdown(Shutdown::Both);
        });
        let shared = Arc::clone(self);
        let real = broker.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let (mut from, mut to) = (server, client);
        thread::spawn(move || {
            while let Ok(mut frame) = read_frame(&mut from) {
                let lost = lost.lock().expect("no panic").filter(|(number, _)| frame.starts_with(number));
                if let Some((_, fault)) = lost {
                    let _cut = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                    return if fault == Fault::CutReply { shared.has_cut() } else { shared.darken() };
                }
                rename(&mut frame, real, port);
                if write_frame(&mut to, &frame).is_err() {
                    break;
                }
            }
            let _gone = to.shutdown(Shutdown::Both);
        });
        Ok(())
    }

    fn darken(&self) {
        let mut state = self.state.lock().expect("no panic");
        state.dark = true;
        for connection in state.connections.drain(..) {
            let _gone = connection.shutdown(Shutdown::Both);
        }
        drop(state);
        self.has_cut();
    }

    fn has_cut(&self) {
        self.state.lock().expect("no panic").done = true;
        self.changed.notify_all();
    }
}

/// Puts our port in place of the broker's wherever its address stands.
fn rename(frame: &mut [u8], real: u16, ours: u16) {
    let name = b"127.0.0.1";
    let address = |port: u16| [&name[..], &u32::from(port).to_be_bytes()[..]].concat();
    let (real, ours) = (address(real), address(ours));
    for at in 0..frame.len().saturating_sub(real.len() - 1) {
        if frame[at..].starts_with(&real) {
            frame[at..at + real.len()].copy_from_slice(&ours);
        }
    }
}

fn read_frame(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    from.read_exact(&mut frame)?;
    Ok(frame)
}

fn write_frame(to: &mut TcpStream, frame: &[u8]) -> io::Result<()> {
    to.write_all(&(frame.len() as u32).to_be_bytes())?;
    to.write_all(frame)
}
