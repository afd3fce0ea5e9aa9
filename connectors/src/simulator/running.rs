//! Starts a simulator in a thread of its own, and stops it when it is dropped.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::connection::{Connection, CuttableListener};
use super::options::SimulatorOptions;
use super::service::Service;

/// Starts simulators.
#[derive(Clone, Copy, Debug)]
pub struct Simulator;

/// A simulator that answers on loopback for as long as this lives.
pub struct RunningSimulator {
    /// The base of Helix: `http://127.0.0.1:PORT/helix`.
    pub api_url: String,
    /// The base of OAuth: `http://127.0.0.1:PORT/oauth2`.
    pub auth_url: String,
    /// Where it listens.
    pub addr: SocketAddr,
    service: Arc<Service>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts a simulator; it answers from the moment this returns.
    ///
    /// # Errors
    /// The port is taken, or the system gives no thread.
    pub fn start(options: SimulatorOptions) -> std::io::Result<RunningSimulator> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)))?;
        let addr = listener.local_addr()?;
        let service = Arc::new(Service::new(options));
        let router = Arc::clone(&service).router().into_make_service_with_connect_info::<Connection>();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("twitch-simulator".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    served = axum::serve(CuttableListener(listener), router) => {
                        if let Err(error) = served {
                            tracing::warn!("the Twitch simulator on {addr} stopped: {error}");
                        }
                    }
                    _ = stopped => {}
                }
            });
            runtime.shutdown_timeout(Duration::from_millis(100));
        })?;
        Ok(RunningSimulator {
            api_url: format!("http://{addr}/helix"),
            auth_url: format!("http://{addr}/oauth2"),
            addr,
            service,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl RunningSimulator {
    /// The virtual time, in microseconds since 1970.
    #[must_use]
    pub fn now_micros(&self) -> i64 {
        self.service.clock.micros()
    }

    /// Sets a manual clock; says whether it is one.
    pub fn set_time(&self, to: DateTime<Utc>) -> bool {
        self.service.clock.set(to)
    }

    /// How many tokens it has given out.
    #[must_use]
    pub fn tokens_issued(&self) -> u64 {
        self.service.tokens_issued()
    }

    /// Waits until the simulator ends by itself, which it does only if its socket fails.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for RunningSimulator {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for RunningSimulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunningSimulator({})", self.api_url)
    }
}
