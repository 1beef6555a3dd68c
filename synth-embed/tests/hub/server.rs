//! A server of scripted answers on a free port of this machine.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone())
    }

    /// The first byte that it asks for.
    pub(crate) fn range_start(&self) -> Option<usize> {
        let range = self.header("range")?;
        range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }

    fn read(stream: &TcpStream) -> Option<Self> {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let first = lines.next()?;
        let mut words = first.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let headers = lines
            .take_while(|line| !line.is_empty())
            .filter_map(|line| {
                line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            })
            .collect();
        Some(Self { method, path, headers })
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    has_length: bool,
    /// Bytes of the body after which the connection ends.
    cut: Option<usize>,
    /// Bytes of the body after which nothing comes.
    stall: Option<usize>,
    is_slow: bool,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        let (headers, body) = (Vec::new(), Vec::new());
        Self { status, headers, body, has_length: true, cut: None, stall: None, is_slow: false }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn with_option(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(crate) fn replace(&mut self, name: &str, value: &str) {
        self.headers.retain(|(found, _)| found != name);
        self.headers.push((name.into(), value.into()));
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    pub(crate) fn without_length(mut self) -> Self {
        self.has_length = false;
        self
    }

    pub(crate) fn cut_after(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    pub(crate) fn stall_after(mut self, bytes: usize) -> Self {
        self.stall = Some(bytes);
        self
    }

    pub(crate) fn slowly(mut self) -> Self {
        self.is_slow = true;
        self
    }

    /// Errors are of no interest: the other side may go at any time.
    fn write(&self, mut stream: TcpStream, is_head: bool) {
        let mut head = format!("HTTP/1.1 {} Scripted\r\nConnection: close\r\n", self.status);
        if self.has_length {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        drop(stream.write_all(head.as_bytes()));
        if is_head {
            return;
        }
        let end = self.cut.or(self.stall).unwrap_or(self.body.len());
        for block in self.body[..end].chunks(20_000) {
            if stream.write_all(block).and_then(|()| stream.flush()).is_err() {
                return;
            }
            if self.is_slow {
                thread::sleep(Duration::from_millis(20));
            }
        }
        if self.stall.is_some() {
            thread::sleep(Duration::from_secs(2));
        }
    }
}

/// Answers until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let (answer, log, stop) = (Arc::new(answer), requests.clone(), stopped.clone());
        let thread = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (answer, log) = (answer.clone(), log.clone());
                thread::spawn(move || {
                    if let Some(request) = Request::read(&stream) {
                        log.lock().expect("not poisoned").push(request.clone());
                        answer(&request).write(stream, request.method == "HEAD");
                    }
                });
            }
        });
        Self { address, requests, stopped, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that was asked, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("not poisoned").clone()
    }

    /// What was asked with GET for a path.
    pub(crate) fn gets(&self, path: &str) -> Vec<Request> {
        self.requests()
            .into_iter()
            .filter(|request| request.method == "GET" && request.path == path)
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }
}
