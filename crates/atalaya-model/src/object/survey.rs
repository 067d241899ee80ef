//! What a serialised object is made of, for people who decide whether to trust it: counted by the reader that loads it, so
//! there is no second parser that could see something else.

use std::collections::BTreeMap;

use serde::Serialize;

use super::tree::{Node, Tree};

/// Most class and function names that a survey lists.
pub const SURVEY_GLOBALS_MAX: usize = 10_000;

/// How a file was written, as its reader saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// `pickle` or `skops`.
    pub(super) container: &'static str,
    pub(super) protocol: u8,
    /// Name and number of every kind of instruction (pickle) or loader (skops).
    pub(super) instructions: Vec<(&'static str, u64)>,
}

/// What a serialised object is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// `pickle` or `skops`.
    pub container: &'static str,
    /// The protocol that the file declares; 0 for pickles that declare none.
    pub protocol: u8,
    /// How often each instruction (pickle) or loader (skops) occurs, by name.
    pub instructions: BTreeMap<&'static str, u64>,
    /// Every `module.name` that the file refers to, and how many objects are made of it. None is ever resolved.
    pub globals: BTreeMap<String, u64>,
    /// Whether there were more than [`SURVEY_GLOBALS_MAX`] names.
    pub globals_cut: bool,
    /// How many values the object has.
    pub values: usize,
}

/// Functions that run programs or code of their argument, by exact name: no model is made of a call of one. Not a boundary:
/// what keeps a file harmless is that the readers call nothing. This is what a person should be told before Python gets it.
static DANGEROUS: &[&str] = &[
    "__builtin__.eval",
    "__builtin__.exec",
    "__builtin__.execfile",
    "__builtin__.__import__",
    "__builtin__.compile",
    "builtins.__import__",
    "builtins.compile",
    "builtins.eval",
    "builtins.exec",
    "builtins.open",
    "asyncio.subprocess.create_subprocess_exec",
    "asyncio.subprocess.create_subprocess_shell",
    "code.InteractiveInterpreter.runcode",
    "commands.getoutput",
    "ctypes.CDLL",
    "importlib.import_module",
    "multiprocessing.util.spawnv_passfds",
    "nt.system",
    "numpy.testing._private.utils.runstring",
    "os.execv",
    "os.execve",
    "os.popen",
    "os.spawnv",
    "os.spawnve",
    "os.system",
    "pickle.loads",
    "_pickle.loads",
    "pip.main",
    "platform.popen",
    "posix.execv",
    "posix.execve",
    "posix.fork",
    "posix.popen",
    "posix.posix_spawn",
    "posix.system",
    "pty.spawn",
    "runpy._run_code",
    "runpy.run_module",
    "runpy.run_path",
    "shutil.rmtree",
    "socket.create_connection",
    "socket.socket",
    "subprocess.Popen",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "subprocess.run",
    "timeit.timeit",
    "webbrowser.open",
];

impl Survey {
    /// Calls among what the file would make that run programs or code; empty for every honest model.
    #[must_use]
    pub fn dangerous(&self) -> Vec<&'static str> {
        let called = |name: &&&str| self.globals.get(**name).is_some_and(|made| *made > 0);
        DANGEROUS.iter().filter(called).copied().collect()
    }
}

impl Tree<'_> {
    /// What the object is made of.
    #[must_use]
    pub fn survey(&self) -> Survey {
        let mut globals = BTreeMap::new();
        let mut globals_cut = false;
        for view in self.views() {
            let made = match view.node() {
                Node::Object(_) => 1,
                Node::Global(_) => 0,
                _ => continue,
            };
            if view.class().is_none() {
                continue;
            }
            let name = view.describe();
            if let Some(count) = globals.get_mut(&name) {
                *count += made;
            } else if globals.len() < SURVEY_GLOBALS_MAX {
                globals.insert(name, made);
            } else {
                globals_cut = true;
            }
        }
        let origin = self.origin();
        Survey {
            container: origin.container,
            protocol: origin.protocol,
            instructions: origin.instructions.iter().copied().collect(),
            globals,
            globals_cut,
            values: self.len(),
        }
    }
}
