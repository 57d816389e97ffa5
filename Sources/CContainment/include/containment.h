// Starts a process inside layers of containment, each of which the running kernel may or may not grant.
//
// Why in C: between fork and exec only async-signal-safe calls are allowed, and Swift may allocate or take locks
// anywhere. Everything that needs memory is prepared before the fork.
//
// Threads: containment_start may be called from any thread at any time.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// In the order in which they are reported.
enum containment_layer {
    CONTAINMENT_USER = 0,
    CONTAINMENT_MOUNT = 1,
    CONTAINMENT_PID = 2,
    CONTAINMENT_NET = 3,
    CONTAINMENT_CGROUP = 4,
    CONTAINMENT_DEVICES = 5,
    CONTAINMENT_LANDLOCK = 6,
    CONTAINMENT_SECCOMP = 7,
    CONTAINMENT_NO_NEW_PRIVS = 8,
    CONTAINMENT_LIMITS = 9,
};
enum { containment_layers = 10 };

enum containment_state {
    CONTAINMENT_ABSENT = 0,
    CONTAINMENT_PARTIAL = 1,
    CONTAINMENT_APPLIED = 2,
};

/// What a process may do below a path.
enum containment_access {
    CONTAINMENT_READ = 1,
    CONTAINMENT_EXECUTE = 2,
    CONTAINMENT_WRITE = 4,
    CONTAINMENT_DEVICE = 8,    // a device file: opened for reading and writing
    CONTAINMENT_NO_LINKS = 16, // no component of the path may be a symbolic link
};

struct containment_path {
    const char *path; // absolute; what does not exist is left out
    int access;       // enum containment_access, or-ed
};

struct containment_descriptor {
    int child;
    int parent;
};

/// What was being done when a layer, or the start, failed.
enum containment_step {
    CONTAINMENT_STEP_NONE = 0,
    CONTAINMENT_STEP_PREPARE = 1,
    CONTAINMENT_STEP_FORK = 2,
    CONTAINMENT_STEP_USER_NAMESPACE = 3,
    CONTAINMENT_STEP_SESSION = 4,
    CONTAINMENT_STEP_DESCRIPTORS = 5,
    CONTAINMENT_STEP_JOIN_GROUP = 6,
    CONTAINMENT_STEP_LIMITS = 7,
    CONTAINMENT_STEP_UNSHARE = 8,
    CONTAINMENT_STEP_PRIVATE_MOUNTS = 9,
    CONTAINMENT_STEP_ROOT = 10,
    CONTAINMENT_STEP_BIND = 11,
    CONTAINMENT_STEP_READ_ONLY = 12,
    CONTAINMENT_STEP_PROC = 13,
    CONTAINMENT_STEP_PIVOT = 14,
    CONTAINMENT_STEP_SET_USER = 15,
    CONTAINMENT_STEP_CAPABILITIES = 16,
    CONTAINMENT_STEP_NO_NEW_PRIVS = 17,
    CONTAINMENT_STEP_LANDLOCK = 18,
    CONTAINMENT_STEP_LANDLOCK_PROBE = 19,
    CONTAINMENT_STEP_SECCOMP = 20,
    CONTAINMENT_STEP_REQUIRED = 21, // error is the enum containment_layer that was required
    CONTAINMENT_STEP_DIRECTORY = 22,
    CONTAINMENT_STEP_EXEC = 23,
};

/// All pointers are borrowed for the duration of the call.
struct containment_request {
    const char *program;      // absolute path, not null
    char *const *arguments;   // argv, ends with null, not null
    /// envp with the private root, and without it; end with null, not null.
    char *const *environment_private;
    char *const *environment_plain;
    /// 0 becomes /dev/null where it is not listed. Every other descriptor is closed.
    const struct containment_descriptor *descriptors;
    size_t descriptor_count;

    int privileged; // not 0: this process is root, and namespaces need no user namespace
    int change_user; // not 0, with privileged: become user and group below
    uid_t user;
    gid_t group;

    /// What the private root is made of; no path lies below another. Their folders are made as needed.
    const struct containment_path *binds;
    size_t bind_count;
    /// What Landlock allows.
    const struct containment_path *rules;
    size_t rule_count;
    /// A folder of its own, in memory, in the private root; and its limit. Not null.
    const char *private_scratch;
    uint64_t private_scratch_bytes;
    /// The folder it may write to where there is no private root; null: none.
    const char *plain_scratch;

    int group_procs; // cgroup.procs or tasks of the group to join, open for writing; -1: none
    int group_limits_memory; // not 0: what is in it can't use more than it may
    uint64_t open_files;
    uint64_t processes;  // of the user, in all; 0: no limit
    uint64_t data_bytes; // RLIMIT_DATA where no group that was joined limits memory; 0: none

    unsigned skip;     // layers not to try: bits 1 << enum containment_layer
    unsigned required; // layers without which the program is not executed: same bits
};

struct containment_report {
    int state; // enum containment_state
    int step;  // enum containment_step: what failed or is missing where the layer is not applied
    int error; // errno of it; 0: none
};

struct containment_result {
    pid_t pid;
    int step;
    int error;
    int private_root;     // not 0: the process sees the private root
    int private_proc;     // not 0: with a /proc of its own
    int landlock_version; // the kernel's; 0: none
    struct containment_report layers[containment_layers];
};

/// Starts the program in a session of its own, with default signal dispositions and an empty signal mask.
///
/// Returns 0 once exec has succeeded, else -1 with step and error set; then no child is left behind. The child is this
/// process's, and outlives it. With a process namespace `pid` is its number here; inside it is 1.
int containment_start(const struct containment_request *request, struct containment_result *result);

/// The first system call number that the filter knows nothing of: from there on it answers ENOSYS.
int containment_first_unknown_call(void);

/// Whether the path is there, without following a symbolic link in any of its parts: 0, or errno.
int containment_check_place(const char *path);

/// Whether systemd has marked the control group's folder as handed over: 1 or 0.
int containment_is_delegated(const char *group);

/// A system call's error in the C library's words, into `room`.
void containment_error_text(int error, char *room, size_t size);
