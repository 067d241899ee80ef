//! A disk in memory that behaves as badly as real ones may: what is not synced can be lost, torn at 512 bytes or arrive
//! out of order, directory entries too; a failed sync throws the written pages away; calls fail and processes die at a
//! chosen call. Everything follows from a seed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::disk::{Disk, DiskFile};
use crate::shared::lock;

/// What a device writes at once; inside it a write is whole or absent.
const SECTOR: usize = 512;

/// A small generator (SplitMix64): good enough to choose what breaks, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that always fall the same way for a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// How the process or the machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The process dies; the kernel keeps what it was handed.
    Kill,
    /// The power goes; only what was synced is sure.
    PowerLoss,
}

/// A simulated disk; clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    /// The process that uses this handle; a later process is not disturbed by what an earlier one still tries.
    process: u64,
}

struct State {
    dice: Dice,
    files: Vec<Inode>,
    /// As the running process sees it.
    entries: BTreeMap<PathBuf, usize>,
    /// As it is on the device.
    durable_entries: BTreeMap<PathBuf, usize>,
    /// Each is on the device as a whole or not at all.
    pending_entries: Vec<Vec<EntryChange>>,
    locks: BTreeMap<PathBuf, u64>,
    next_lock: u64,
    calls: u64,
    dies_at: Option<u64>,
    error_percent: u64,
    capacity: Option<u64>,
    process: u64,
}

enum EntryChange {
    Set(PathBuf, usize),
    Remove(PathBuf),
}

#[derive(Default)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

enum Change {
    Write(usize, Vec<u8>),
    Len(usize),
}

impl SimDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> Self {
        let state = Arc::new(Mutex::new(State {
            dice: Dice::new(seed),
            files: Vec::new(),
            entries: BTreeMap::new(),
            durable_entries: BTreeMap::new(),
            pending_entries: Vec::new(),
            locks: BTreeMap::new(),
            next_lock: 0,
            calls: 0,
            dies_at: None,
            error_percent: 0,
            capacity: None,
            process: 0,
        }));
        Self { state, process: 0 }
    }

    /// The same disk, for a process that starts now.
    pub fn process(&self) -> Self {
        let process = lock(&self.state).process;
        Self {
            process,
            ..self.clone()
        }
    }

    /// The process dies in the `calls`-th changing call from now: that call is done in part, later ones not at all.
    pub fn die_after(&self, calls: u64) {
        let mut state = lock(&self.state);
        state.dies_at = Some(state.calls + calls);
    }

    /// Changing calls fail with EIO in `percent` of 100 cases from now on.
    pub fn fail_percent(&self, percent: u64) {
        lock(&self.state).error_percent = percent;
    }

    /// The disk has this many bytes from now on; `None`: enough.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        lock(&self.state).capacity = bytes;
    }

    /// Whether the process has died.
    pub fn is_dead(&self) -> bool {
        lock(&self.state).is_dead()
    }

    /// Changing calls so far.
    pub fn calls(&self) -> u64 {
        lock(&self.state).calls
    }

    /// Ends the process or the machine, and starts anew without faults; locks are free, open files are dead.
    pub fn end(&self, how: End) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        if how == End::PowerLoss {
            for changes in std::mem::take(&mut state.pending_entries) {
                if state.dice.chance(50) {
                    changes
                        .iter()
                        .for_each(|change| change.apply(&mut state.durable_entries));
                }
            }
            state.entries = state.durable_entries.clone();
            for inode in &mut state.files {
                inode.lose_power(&mut state.dice);
            }
        }
        state.locks.clear();
        state.process += 1;
        (state.dies_at, state.error_percent, state.capacity) = (None, 0, None);
    }

    /// The bytes of a file as the process sees them, for tests that damage them.
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let state = lock(&self.state);
        state.entries.get(path).map(|inode| state.files[*inode].now.clone())
    }

    fn look<T>(&self, action: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = lock(&self.state);
        if state.process != self.process {
            return Err(dead());
        }
        action(&mut state)
    }

    fn run<T>(&self, action: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.look(|state| state.step().and_then(|()| action(state)))
    }
}

impl State {
    fn is_dead(&self) -> bool {
        self.dies_at.is_some_and(|at| self.calls >= at)
    }

    /// Counts a changing call; an error when it must not happen at all.
    fn step(&mut self) -> io::Result<()> {
        if self.is_dead() {
            return Err(dead());
        }
        self.calls += 1;
        let percent = self.error_percent;
        if percent > 0 && self.dice.chance(percent) {
            return Err(io::Error::from_raw_os_error(5));
        }
        Ok(())
    }

    fn change_entries(&mut self, changes: Vec<EntryChange>) {
        changes.iter().for_each(|change| change.apply(&mut self.entries));
        self.pending_entries.push(changes);
    }

    fn grow(&mut self, inode: usize, len: usize) -> io::Result<()> {
        let more = len.saturating_sub(self.files[inode].now.len());
        let used: usize = self.entries.values().map(|inode| self.files[*inode].now.len()).sum();
        if more > 0 && self.capacity.is_some_and(|capacity| (used + more) as u64 > capacity) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }
}

impl Inode {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.pending.push(change);
    }

    fn lose_power(&mut self, dice: &mut Dice) {
        let mut pending = std::mem::take(&mut self.pending);
        // Fisher-Yates: unsynced writes reach the device in any order.
        for at in (1..pending.len()).rev() {
            pending.swap(at, dice.below(at as u64 + 1) as usize);
        }
        for change in pending {
            match change {
                Change::Len(_) if dice.chance(50) => change.apply(&mut self.durable),
                Change::Len(_) => {}
                Change::Write(offset, bytes) => match dice.below(3) {
                    0 => {}
                    1 => Change::Write(offset, bytes).apply(&mut self.durable),
                    _ => tear(offset, &bytes, dice, &mut self.durable),
                },
            }
        }
        self.now = self.durable.clone();
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Len(len) => bytes.resize(*len, 0),
            Self::Write(offset, new) => {
                let end = offset + new.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(new);
            }
        }
    }
}

/// Writes some of the sectors that a write touches.
fn tear(offset: usize, bytes: &[u8], dice: &mut Dice, durable: &mut Vec<u8>) {
    let mut at = 0;
    while at < bytes.len() {
        let end = ((offset + at) / SECTOR * SECTOR + SECTOR - offset).min(bytes.len());
        if dice.chance(50) {
            Change::Write(offset + at, bytes[at..end].to_vec()).apply(durable);
        }
        at = end;
    }
}

impl EntryChange {
    fn apply(&self, entries: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Set(path, inode) => entries.insert(path.clone(), *inode),
            Self::Remove(path) => entries.remove(path),
        };
    }

    fn is_in(&self, dir: &Path) -> bool {
        let (Self::Set(path, _) | Self::Remove(path)) = self;
        path.parent() == Some(dir)
    }
}

fn dead() -> io::Error {
    io::Error::other("the process is dead")
}

fn absent() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

struct SimLock(SimDisk, PathBuf, u64);

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        if state.locks.get(&self.1) == Some(&self.2) {
            state.locks.remove(&self.1);
        }
    }
}

impl Disk for SimDisk {
    fn create_dir_all(&self, _dir: &Path) -> io::Result<()> {
        self.run(|_| Ok(()))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        self.look(|state| {
            if state.locks.contains_key(path) {
                return Ok(None);
            }
            state.next_lock += 1;
            let id = state.next_lock;
            state.locks.insert(path.to_owned(), id);
            Ok(Some(
                Box::new(SimLock(self.clone(), path.to_owned(), id)) as Box<dyn Send + Sync>
            ))
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>> {
        self.look(|state| {
            let inside = |(path, inode): (&PathBuf, &usize)| {
                let name = (path.parent() == Some(dir)).then(|| path.file_name()).flatten()?;
                Some((name.to_str()?.to_owned(), state.files[*inode].now.len() as u64))
            };
            Ok(state.entries.iter().filter_map(inside).collect())
        })
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.run(|state| {
            // A file that is replaced by truncation may come back with its old bytes: a fresh one is at least as bad.
            state.files.push(Inode::default());
            let inode = state.files.len() - 1;
            state.change_entries(vec![EntryChange::Set(path.to_owned(), inode)]);
            Ok(Arc::new(SimFile {
                disk: self.clone(),
                inode,
            }) as Arc<dyn DiskFile>)
        })
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.look(|state| {
            let inode = *state.entries.get(path).ok_or_else(absent)?;
            Ok(Arc::new(SimFile {
                disk: self.clone(),
                inode,
            }) as Arc<dyn DiskFile>)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.run(|state| {
            let inode = *state.entries.get(from).ok_or_else(absent)?;
            state.change_entries(vec![
                EntryChange::Set(to.to_owned(), inode),
                EntryChange::Remove(from.to_owned()),
            ]);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.run(|state| {
            state.entries.get(path).ok_or_else(absent)?;
            state.change_entries(vec![EntryChange::Remove(path.to_owned())]);
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.run(|state| {
            let (mine, others) = std::mem::take(&mut state.pending_entries)
                .into_iter()
                .partition::<Vec<_>, _>(|changes| changes.iter().any(|change| change.is_in(dir)));
            state.pending_entries = others;
            mine.iter()
                .flatten()
                .for_each(|change| change.apply(&mut state.durable_entries));
            Ok(())
        })
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl DiskFile for SimFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.look(|state| {
            let bytes = &state.files[self.inode].now;
            let from = (offset as usize).min(bytes.len());
            let len = buffer.len().min(bytes.len() - from);
            buffer[..len].copy_from_slice(&bytes[from..from + len]);
            Ok(len)
        })
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.look(|state| {
            if state.is_dead() {
                return state.step();
            }
            let whole = state
                .step()
                .and_then(|()| state.grow(self.inode, offset as usize + bytes.len()));
            // A write that fails, or in which the process dies, may have been done in part.
            let len = match &whole {
                Ok(()) if !state.is_dead() => bytes.len(),
                Err(error) if error.kind() == io::ErrorKind::StorageFull => 0,
                _ => state.dice.below(bytes.len() as u64 + 1) as usize,
            };
            if len > 0 {
                state.files[self.inode].change(Change::Write(offset as usize, bytes[..len].to_vec()));
            }
            if len == bytes.len() {
                whole
            } else {
                whole.and(Err(io::Error::other("cut short")))
            }
        })
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.disk.look(|state| {
            state.step()?;
            state.grow(self.inode, len as usize)?;
            if state.files[self.inode].now.len() < len as usize {
                state.files[self.inode].change(Change::Len(len as usize));
            }
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.look(|state| {
            state.step()?;
            state.files[self.inode].change(Change::Len(len as usize));
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.look(|state| {
            if state.is_dead() {
                return state.step();
            }
            let outcome = state.step();
            let State { files, dice, .. } = state;
            let inode = &mut files[self.inode];
            // After a failure the pages count as clean, on the device or not, and the next sync will say that all is well.
            for change in std::mem::take(&mut inode.pending) {
                if outcome.is_ok() || dice.chance(50) {
                    change.apply(&mut inode.durable);
                }
            }
            outcome
        })
    }
}
