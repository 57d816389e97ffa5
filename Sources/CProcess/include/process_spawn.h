// Starts a child process with a prepared set of descriptors, limits and signals. (This process itself: process_memory.h.)
//
// Why in C: before exec only async-signal-safe calls are allowed in the child, which runs on its parent's memory, and
// Swift may allocate or take locks anywhere. Everything that needs memory is prepared before.
//
// Threads: every function may be called from any thread at any time.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// A descriptor of this process and the number it gets in the child.
struct process_descriptor {
    int child;
    int parent;
};

enum process_resource {
    PROCESS_RESOURCE_ADDRESS_SPACE = 0,
    PROCESS_RESOURCE_OPEN_FILES = 1,
    PROCESS_RESOURCE_CORE_SIZE = 2,
    PROCESS_RESOURCE_FILE_SIZE = 3,
    PROCESS_RESOURCE_CPU_SECONDS = 4,
};

/// A soft and hard limit; lowered to the present hard limit where that is smaller.
struct process_limit {
    int resource; // enum process_resource
    uint64_t value;
};

enum process_group {
    PROCESS_GROUP_INHERITED = 0,
    PROCESS_GROUP_NEW = 1,
    PROCESS_GROUP_NEW_SESSION = 2,
};

/// What failed in process_spawn.
enum process_step {
    PROCESS_STEP_NONE = 0,
    PROCESS_STEP_PREPARE = 1,   // memory or descriptors for the start itself
    PROCESS_STEP_FORK = 2,
    PROCESS_STEP_GROUP = 3,
    PROCESS_STEP_PARENT = 4,    // the parent ended before the death signal was set, or prctl refused it
    PROCESS_STEP_DESCRIPTORS = 5,
    PROCESS_STEP_LIMITS = 6,
    PROCESS_STEP_PRIVILEGES = 7,
    PROCESS_STEP_DIRECTORY = 8,
    PROCESS_STEP_EXEC = 9,
};

/// All pointers are borrowed for the duration of the call.
struct process_spawn_request {
    const char *program;           // path, not null; not looked up in PATH
    char *const *arguments;        // argv, ends with null, not null
    char *const *environment;      // envp, ends with null, not null
    const char *working_directory; // null: this process's
    /// 0, 1 and 2 become /dev/null where they are not listed. Every other descriptor is closed. May be null when count is 0.
    const struct process_descriptor *descriptors;
    size_t descriptor_count;
    const struct process_limit *limits; // may be null when count is 0
    size_t limit_count;
    int group;               // enum process_group
    int parent_death_signal; // 0: none. Sent when the *thread* that called process_spawn ends (prctl(2), PR_SET_PDEATHSIG).
    int no_new_privileges;   // not 0: PR_SET_NO_NEW_PRIVS
};

struct process_spawn_result {
    pid_t pid;
    int pidfd; // close-on-exec, owned by the caller; -1 where the kernel has none (before 5.3)
    int step;  // enum process_step: what failed
    int error; // errno of what failed
};

/// Starts the program with default signal dispositions and an empty signal mask.
///
/// Returns 0 once exec has succeeded, else -1 with step and error set; then no child is left behind. The child must be
/// reaped by the caller. A SIGCHLD that is ignored (it may be inherited so) is set to its default first, because the
/// kernel would otherwise reap the child itself and its status would be lost.
int process_spawn(const struct process_spawn_request *request, struct process_spawn_result *result);

struct process_status {
    int signalled; // 0: exited, number is the exit code; 1: ended by signal `number`
    int number;
};

/// Whether the child has ended, without reaping it: 1 yes, 0 no, or a negative errno (-ECHILD: somebody reaped it).
/// With `wait` not 0 it blocks until yes or an error.
int process_has_ended(pid_t pid, int wait);

/// Reaps the child when it has ended. Returns 1 when reaped, 0 while it runs, or a negative errno.
int process_reap(pid_t pid, struct process_status *status);

/// An anonymous file that holds the bytes, positioned at its start, close-on-exec. Returns the descriptor (owned by the
/// caller) or -1 with errno set. `bytes` may be null when count is 0.
int process_memory_file(const char *name, const void *bytes, size_t count);

/// This process's environment: an array that ends with null. Borrowed; not safe against a concurrent setenv.
char *const *process_environment(void);

/// pipe2(2) with O_CLOEXEC: ends[0] reads and does not block, ends[1] writes. Returns 0, or -1 with errno set.
int process_output_pipe(int ends[2]);

/// Raises the soft limit of open files to the hard limit. Children of process_spawn still start with the soft limit from
/// before the first call. Returns the soft limit that holds now, 0 where it can't be told.
uint64_t process_raise_open_files(void);

/// `KILL` for 9 and so on; null where there is no such signal. Static memory.
const char *process_signal_name(int number);
