//! One worker process: how it is started, how its end is noticed, how it is ended. Which requests it gets is the seat's
//! business.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions};
use serde::Deserialize;

use crate::error::{WorkerError, bounded, class_name};
use crate::frame::{self, Frame, FrameError, Kind};
use crate::launcher::{LaunchFailure, Policy, SandboxReport};
use crate::options::{Options, SandboxNeed};
use crate::script;

/// Bytes of a worker's output that are kept: the last ones, for whoever looks for a reason.
const LOG_TAIL_BYTES: usize = 64 << 10;
/// How long the end of a process that was told to end may take before its state is reported as unknown. The kernel needs
/// milliseconds; seconds under memory pressure.
const END_WAIT: Duration = Duration::from_secs(5);
/// How long a worker may take to leave after its socket was closed.
const LEAVE_WAIT: Duration = Duration::from_secs(1);
/// Stack of the small threads that wait for a process or read its output.
const SMALL_STACK: usize = 256 << 10;

/// Start of the names of scratch folders; the server's process id and a random part follow.
const SCRATCH: &str = "scratch-";

/// What a worker says when its model is loaded.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Ready {
    /// Versions of Python and of the libraries that matter.
    pub versions: BTreeMap<String, String>,
    /// Names of the methods that the model's object has.
    pub methods: Vec<String>,
    /// What the object says about its columns.
    pub features: Features,
}

/// Columns as a fitted scikit-learn object knows them.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Features {
    /// Their names, when it was fitted on a data frame.
    pub names: Option<Vec<String>>,
    /// How many there are.
    pub count: Option<usize>,
}

/// Everything that is the same for each worker of a pool.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) options: Options,
    pub(crate) model_folder: PathBuf,
    pub(crate) script: PathBuf,
    /// Folders of the interpreter and its libraries.
    pub(crate) interpreter: Vec<PathBuf>,
}

impl Plan {
    /// Writes the script and finds out what belongs to the interpreter.
    pub(crate) fn new(options: Options, model_folder: &Path) -> Result<Self, WorkerError> {
        let start = |what: &str, error: std::io::Error| WorkerError::Start {
            reason: format!("{what}: {error}"),
        };
        let script = script::install(&options.run_folder).map_err(|error| start("the worker's script", error))?;
        remove_left_over(&options.run_folder);
        let script = script
            .canonicalize()
            .map_err(|error| start("the worker's script", error))?;
        let model_folder = model_folder
            .canonicalize()
            .map_err(|error| start("the model's folder", error))?;
        let python = std::path::absolute(&options.python).map_err(|error| start("the interpreter", error))?;
        let found = crate::environment::probe(&python).map_err(|error| WorkerError::Start {
            reason: error.to_string(),
        })?;
        let options = Options { python, ..options };
        Ok(Self {
            options,
            model_folder,
            script,
            interpreter: found.folders,
        })
    }

    fn policy(&self, scratch: &Path) -> Policy {
        let Options { limits, .. } = &self.options;
        let own = [self.model_folder.clone(), self.script.clone()];
        let read = self.interpreter.iter().chain(&own).chain(&self.options.readable);
        let flags = ["-I", "-B", "-X", "faulthandler"].map(str::to_owned);
        Policy {
            parent: std::process::id(),
            program: self.options.python.clone(),
            arguments: flags.into_iter().chain([self.script.display().to_string()]).collect(),
            read: read.cloned().collect(),
            write: vec![scratch.to_path_buf()],
            network: self.options.network,
            processes: limits.processes,
            required: self.options.sandbox == SandboxNeed::Required,
            data_bytes: limits.memory_bytes,
            open_files: limits.open_files,
            file_bytes: limits.file_bytes,
        }
    }

    /// The whole environment of a worker.
    fn variables(&self, scratch: &Path) -> Vec<(String, String)> {
        let threads = self.options.limits.math_threads.max(1).to_string();
        let scratch = scratch.display().to_string();
        let fixed = [
            ("HOME", scratch.clone()),
            ("TMPDIR", scratch.clone()),
            ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("USER", "atalaya".to_owned()),
            ("LOGNAME", "atalaya".to_owned()),
            ("OMP_NUM_THREADS", threads.clone()),
            ("OPENBLAS_NUM_THREADS", threads.clone()),
            ("MKL_NUM_THREADS", threads.clone()),
            ("NUMEXPR_NUM_THREADS", threads.clone()),
            ("LOKY_MAX_CPU_COUNT", threads),
            // Arenas per thread would multiply what a worker reserves.
            ("MALLOC_ARENA_MAX", "2".to_owned()),
            ("ARROW_DEFAULT_MEMORY_POOL", "system".to_owned()),
            ("MLFLOW_TRACKING_URI", format!("file:{scratch}/mlruns")),
            ("MLFLOW_DISABLE_TELEMETRY", "true".to_owned()),
            ("DO_NOT_TRACK", "true".to_owned()),
            // Code of the model runs here on purpose; the sandbox is what holds it.
            ("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true".to_owned()),
        ];
        let fixed = fixed.into_iter().map(|(name, value)| (name.to_owned(), value));
        fixed.chain(self.options.variables.iter().cloned()).collect()
    }
}

/// A running worker with its model loaded. Ended when dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) socket: UnixStream,
    pub(crate) ready: Ready,
    pub(crate) sandbox: SandboxReport,
    pub(crate) next_id: u64,
    /// Resident bytes when the model was loaded.
    pub(crate) base_bytes: u64,
    life: Arc<Life>,
    /// Removed when the worker is dropped, after the process has ended.
    _scratch: tempfile::TempDir,
}

/// What is known of a process from outside, by whoever watches it.
#[derive(Debug)]
pub(crate) struct Life {
    pid: Pid,
    pidfd: OwnedFd,
    ended: Mutex<Ended>,
    changed: Condvar,
    log: Mutex<LogTail>,
    scratch: PathBuf,
}

#[derive(Debug, Default)]
struct Ended {
    /// Why we ended it.
    reason: Option<String>,
    /// How the kernel says that it ended.
    status: Option<String>,
}

/// The last bytes of a worker's output.
#[derive(Debug, Default)]
struct LogTail {
    bytes: Vec<u8>,
    dropped_bytes: u64,
}

impl Life {
    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Ends the process; its group follows as soon as it is gone. The first reason is kept.
    pub(crate) fn kill(&self, reason: &str) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.status.is_none() {
            ended.reason.get_or_insert_with(|| reason.to_owned());
            // ESRCH: it is gone already, which is what is wanted.
            let _gone = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
        }
    }

    pub(crate) fn dead(&self) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.status.is_some()
    }

    /// Waits for the end of the process; how it ended.
    fn wait(&self, most: Duration) -> Option<String> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(ended, most, |ended| ended.status.is_none());
        let (ended, _timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        let status = ended.status.clone()?;
        Some(ended.reason.clone().unwrap_or(status))
    }

    /// Resident bytes, 0 when the process is gone.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.pid())).unwrap_or_default();
        let pages: u64 = text.split(' ').nth(1).and_then(|field| field.parse().ok()).unwrap_or(0);
        pages.saturating_mul(rustix::param::page_size() as u64)
    }

    /// Bytes of the files in the scratch folder.
    pub(crate) fn scratch_bytes(&self) -> u64 {
        crate::environment::folder_bytes(&self.scratch)
    }

    /// The last of what the worker printed.
    pub(crate) fn log_tail(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&log.bytes).into_owned();
        match log.dropped_bytes {
            0 => text,
            dropped => format!("[{dropped} earlier bytes were dropped]\n{text}"),
        }
    }
}

/// A process that was started and has not loaded the model yet.
pub(crate) struct Spawned(Worker);

impl Spawned {
    /// Starts a process. Must be called by a thread that lives as long as the worker: the kernel ends the process with the
    /// thread that made it. `on_end` runs when the process has ended, however that was.
    pub(crate) fn new(plan: &Plan, on_end: impl FnOnce() + Send + 'static) -> Result<Self, WorkerError> {
        let failed = |what: &'static str| {
            move |error: std::io::Error| WorkerError::Start {
                reason: format!("{what}: {error}"),
            }
        };
        let scratch = tempfile::Builder::new()
            .prefix("scratch-")
            .tempdir_in(&plan.options.run_folder);
        let scratch = scratch.map_err(failed("the scratch folder"))?;
        let path = scratch.path().canonicalize().map_err(failed("the scratch folder"))?;
        let (socket, theirs) = UnixStream::pair().map_err(failed("the socket"))?;
        let (output, child) = spawn(plan, &path, theirs).map_err(failed("the launcher"))?;
        let life = watch(child, output, path, on_end).map_err(failed("the process"))?;
        Ok(Self(Worker {
            socket,
            ready: Ready::default(),
            sandbox: SandboxReport::default(),
            next_id: 1,
            base_bytes: 0,
            life,
            _scratch: scratch,
        }))
    }

    pub(crate) fn life(&self) -> &Arc<Life> {
        self.0.life()
    }

    /// Waits until the model is loaded.
    pub(crate) fn load(self, plan: &Plan) -> Result<Worker, WorkerError> {
        let Self(mut worker) = self;
        worker.greet(plan, Instant::now() + plan.options.load_timeout)?;
        worker.base_bytes = worker.life.resident_bytes();
        Ok(worker)
    }
}

impl Worker {
    /// The launcher's report, then the model.
    fn greet(&mut self, plan: &Plan, deadline: Instant) -> Result<(), WorkerError> {
        let timeout_ms = plan.options.load_timeout.as_millis().try_into().unwrap_or(u64::MAX);
        let first = self.receive(deadline, timeout_ms)?;
        match first.kind {
            Kind::Sandbox => self.sandbox = json(&first.body)?,
            Kind::Error => return Err(launch_error(json(&first.body)?)),
            _ => {
                return Err(WorkerError::Protocol {
                    what: "the first frame is no report",
                });
            }
        }
        let request = serde_json::json!({ "model": plan.model_folder.display().to_string() }).to_string();
        frame::write(&self.socket, Kind::Load, 1, &[request.as_bytes()], deadline)
            .map_err(|error| self.frame_error(error, timeout_ms))?;
        let answer = self.receive(deadline, timeout_ms)?;
        match answer.kind {
            // Nothing of the model runs before this frame, so a wrong id is a bug of ours, not an attack.
            Kind::Ready if answer.id == 1 => self.ready = json(&answer.body)?,
            Kind::Error => return Err(load_error(json(&answer.body)?)),
            _ => {
                return Err(WorkerError::Protocol {
                    what: "the model's first frame is not an answer",
                });
            }
        }
        self.next_id = 2;
        Ok(())
    }

    fn receive(&mut self, deadline: Instant, timeout_ms: u64) -> Result<Frame, WorkerError> {
        frame::read(&self.socket, deadline).map_err(|error| match self.frame_error(error, timeout_ms) {
            WorkerError::Died { cause } => WorkerError::Start {
                reason: format!("it ended while it started: {cause}{}", self.last_words()),
            },
            WorkerError::Deadline { timeout_ms } => WorkerError::Start {
                reason: format!("the model was not loaded within {timeout_ms} ms"),
            },
            other => other,
        })
    }

    /// The end of the output, for the error text of a start: no request was in the worker yet.
    fn last_words(&self) -> String {
        const LONGEST: usize = 600;
        let tail = self.life.log_tail();
        let tail = tail.trim();
        let start = tail.char_indices().rev().nth(LONGEST).map_or(0, |(index, _)| index);
        match &tail[start..] {
            "" => String::new(),
            text => format!("; its output ends with: {}", bounded(text)),
        }
    }

    /// A failed frame as an error; the worker is ended whatever it was.
    pub(crate) fn frame_error(&self, error: FrameError, timeout_ms: u64) -> WorkerError {
        match error {
            FrameError::Deadline => {
                self.life.kill("it did not answer in time");
                WorkerError::Deadline { timeout_ms }
            }
            FrameError::Garbage(what) => {
                self.life.kill("it broke the protocol");
                WorkerError::Protocol { what }
            }
            FrameError::Io(error) => {
                self.life.kill("its socket failed");
                let cause = format!("its socket failed: {error}");
                WorkerError::Died { cause }
            }
            FrameError::Closed => {
                // The process may live on with its socket closed.
                let ended = self.life.wait(LEAVE_WAIT).or_else(|| {
                    self.life.kill("it closed its socket");
                    self.life.wait(END_WAIT)
                });
                let cause = ended.unwrap_or_else(|| "it does not end".to_owned());
                WorkerError::Died { cause }
            }
        }
    }

    pub(crate) fn life(&self) -> &Arc<Life> {
        &self.life
    }

    /// Lets the worker leave by itself, and ends it when it does not.
    pub(crate) fn close(self) {
        // Its next read is the end of the stream.
        let _already_closed = self.socket.shutdown(std::net::Shutdown::Both);
        self.life.wait(LEAVE_WAIT);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.life.kill("it is not needed any more");
        // The scratch folder is removed after the last writer is gone.
        self.life.wait(END_WAIT);
    }
}

fn spawn(plan: &Plan, scratch: &Path, socket: UnixStream) -> std::io::Result<(std::io::PipeReader, Child)> {
    let policy = serde_json::to_string(&plan.policy(scratch)).map_err(std::io::Error::other)?;
    let (output, writer) = std::io::pipe()?;
    let launcher = &plan.options.launcher;
    let child = Command::new(&launcher.program)
        .args(&launcher.arguments)
        .arg(policy)
        .env_clear()
        .envs(plan.variables(scratch))
        .current_dir(scratch)
        .stdin(Stdio::from(OwnedFd::from(socket)))
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()?;
    Ok((output, child))
}

/// Starts the two threads of a process: one waits for its end, one reads what it prints.
fn watch(
    mut child: Child,
    mut output: std::io::PipeReader,
    scratch: PathBuf,
    on_end: impl FnOnce() + Send + 'static,
) -> std::io::Result<Arc<Life>> {
    let opened = Pid::from_raw(child.id().cast_signed())
        .ok_or(rustix::io::Errno::SRCH)
        .and_then(|pid| Ok((pid, rustix::process::pidfd_open(pid, PidfdFlags::empty())?)));
    let (pid, pidfd) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            child.kill()?;
            child.wait()?;
            return Err(error.into());
        }
    };
    let life = Arc::new(Life {
        pid,
        pidfd,
        ended: Mutex::default(),
        changed: Condvar::new(),
        log: Mutex::default(),
        scratch,
    });
    let waiting = Arc::clone(&life);
    let small = |name: &str| {
        std::thread::Builder::new()
            .name(name.to_owned())
            .stack_size(SMALL_STACK)
    };
    small("worker-wait").spawn(move || {
        wait_for_end(&waiting, &mut child);
        on_end();
    })?;
    let reading = Arc::clone(&life);
    small("worker-log").spawn(move || {
        let mut chunk = [0; 8 << 10];
        while let Ok(count) = output.read(&mut chunk)
            && count > 0
        {
            let mut log = reading.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.bytes.extend_from_slice(&chunk[..count]);
            let over = log.bytes.len().saturating_sub(LOG_TAIL_BYTES);
            log.bytes.drain(..over);
            log.dropped_bytes += over as u64;
        }
    })?;
    Ok(life)
}

fn wait_for_end(life: &Life, child: &mut Child) {
    use std::os::unix::process::ExitStatusExt as _;
    // The process stays a zombie until its group is ended too, so that the number cannot be another group's yet.
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = rustix::process::waitid(WaitId::PidFd(life.pidfd.as_fd()), options) {}
    let _no_group = rustix::process::kill_process_group(life.pid, Signal::KILL);
    let status = match child.wait() {
        Ok(status) => match (status.signal(), status.code()) {
            (Some(signal), _) => format!("signal {signal}"),
            (None, Some(code)) => format!("exit code {code}"),
            (None, None) => "an unknown status".to_owned(),
        },
        Err(error) => format!("an unknown status ({error})"),
    };
    let mut ended = life.ended.lock().unwrap_or_else(PoisonError::into_inner);
    ended.status = Some(status);
    drop(ended);
    life.changed.notify_all();
}

/// Removes scratch folders of servers that are gone. Best effort: what stays costs space only.
fn remove_left_over(run_folder: &Path) {
    for entry in std::fs::read_dir(run_folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix(SCRATCH)?.split('-').next()?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _stays = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn json<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, WorkerError> {
    serde_json::from_slice(body).map_err(|_| WorkerError::Protocol {
        what: "a frame whose JSON has another shape",
    })
}

fn launch_error(failure: LaunchFailure) -> WorkerError {
    let reason = bounded(&failure.message);
    match failure.kind.as_str() {
        "sandbox" => WorkerError::Sandbox { reason },
        _ => WorkerError::Start { reason },
    }
}

fn load_error(failure: LaunchFailure) -> WorkerError {
    let missing_module = (failure.class == "ModuleNotFoundError")
        .then(|| failure.message.split('`').nth(1).map(class_name))
        .flatten();
    WorkerError::Load {
        class: class_name(&failure.class),
        message: bounded(&failure.message),
        missing_module,
    }
}
