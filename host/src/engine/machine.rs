//! How much memory this process has: the machine's, or less where a control group (version 1 or 2) says so.

use std::path::{Path, PathBuf};

/// Bytes of memory that this process may use; `None` where that can't be found out.
pub fn memory() -> Option<u64> {
    memory_by(&|path| std::fs::read_to_string(path).ok())
}

fn memory_by(read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let total = read(Path::new("/proc/meminfo")).as_deref().and_then(total);
    let mounts = read(Path::new("/proc/self/mountinfo")).unwrap_or_default();
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let limits = mounts
        .lines()
        .filter_map(|line| Hierarchy::parse(line, &groups))
        .filter_map(|hierarchy| hierarchy.limit(read));
    limits.chain(total).min()
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1024)
}

/// A mounted tree of control groups that limits memory.
struct Hierarchy {
    mount: PathBuf,
    /// This process's group.
    group: PathBuf,
    file: &'static str,
}

impl Hierarchy {
    /// Of a line of `/proc/self/mountinfo` and the text of `/proc/self/cgroup`.
    fn parse(mount: &str, groups: &str) -> Option<Self> {
        let (place, kind) = mount.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, mount) = (place.next()?, PathBuf::from(place.next()?));
        let mut kind = kind.split(' ');
        let (file, is_ours): (_, fn(&str) -> bool) = match (kind.next()?, kind.nth(1)?) {
            ("cgroup2", _) => ("memory.max", |controllers| controllers.is_empty()),
            ("cgroup", options) if options.split(',').any(|option| option == "memory") => {
                ("memory.limit_in_bytes", |controllers| {
                    controllers.split(',').any(|one| one == "memory")
                })
            }
            _ => return None,
        };
        let path = groups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            is_ours(controllers).then_some(path)
        })?;
        // In a container the mount shows a part of the tree: the group itself, or one above it.
        let below = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
        let group = mount.join(below);
        Some(Self { mount, group, file })
    }

    /// The least limit of the group and of those above it.
    fn limit(&self, read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
        let groups = self.group.ancestors();
        let groups = groups.take_while(|group| group.starts_with(&self.mount));
        // `max`, which is no number, limits nothing.
        let limits = groups.filter_map(|group| read(&group.join(self.file))?.trim().parse().ok());
        limits.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:       8000000 kB\nMemFree:        1000000 kB\n";
    const TOTAL: u64 = 8_000_000 * 1024;
    const V1: &str = "36 31 0:33 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n";
    const V2: &str = "41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n";

    /// The memory of a process whose machine has these files beside `/proc/meminfo`.
    #[track_caller]
    fn check(files: &[(&str, &str)], expected: Option<u64>) {
        let read = |path: &Path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        };
        assert_eq!(memory_by(&read), expected);
    }

    const TOTAL_FILE: (&str, &str) = ("/proc/meminfo", MEMINFO);

    #[test]
    fn without_control_groups_it_is_the_machines() {
        check(&[TOTAL_FILE], Some(TOTAL));
        check(&[], None);
    }

    #[test]
    fn a_limit_of_version_2_holds_also_when_a_group_above_has_it() {
        let of = |own, above| {
            [
                TOTAL_FILE,
                ("/proc/self/mountinfo", V2),
                ("/proc/self/cgroup", "0::/system.slice/astrid.service\n"),
                ("/sys/fs/cgroup/system.slice/astrid.service/memory.max", own),
                ("/sys/fs/cgroup/system.slice/memory.max", above),
            ]
        };
        check(&of("1048576\n", "max\n"), Some(1 << 20));
        check(&of("max\n", "1048576\n"), Some(1 << 20));
        check(&of("max\n", "max\n"), Some(TOTAL));
    }

    #[test]
    fn a_limit_of_version_1_holds() {
        let of = |limit| {
            [
                TOTAL_FILE,
                ("/proc/self/mountinfo", V1),
                (
                    "/proc/self/cgroup",
                    "5:devices:/\n4:memory:/jobs/one\n0::/\n",
                ),
                (
                    "/sys/fs/cgroup/memory/jobs/one/memory.limit_in_bytes",
                    limit,
                ),
            ]
        };
        check(&of("2097152\n"), Some(2 << 20));
        // What version 1 calls no limit.
        check(&of("9223372036854771712\n"), Some(TOTAL));
    }

    #[test]
    fn a_container_that_sees_only_its_own_group_has_its_limit() {
        let files = [
            TOTAL_FILE,
            (
                "/proc/self/mountinfo",
                "36 31 0:33 /docker/1f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
            ),
            ("/proc/self/cgroup", "4:memory:/docker/1f\n"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1048576\n"),
        ];
        check(&files, Some(1 << 20));
    }

    #[test]
    fn files_of_another_shape_say_nothing() {
        let files = [
            TOTAL_FILE,
            (
                "/proc/self/mountinfo",
                "- -\n36 31 - cgroup2\n\n36 31 0:33 / /x rw - cgroup\n",
            ),
            ("/proc/self/cgroup", ":\n0\n"),
        ];
        check(&files, Some(TOTAL));
    }
}
