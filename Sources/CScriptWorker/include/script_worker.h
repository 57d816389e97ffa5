// The Python source of the script worker, and the system calls of its socket that Swift can't express: control
// messages are macros, and eventfd, timerfd and memfd are not in Swift's view of the C library.
//
// Threads: every function may be called from any thread; one descriptor must not be used by two at once, except that
// script_timer_set may be called while another thread polls the timer.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// worker.py as it was when this was compiled. Static memory.
const void *script_worker_source(size_t *count);

/// A pair of connected stream sockets, close-on-exec. Owned by the caller. Returns 0, or -1 with errno set.
int script_channel_open(int ends[2]);

/// Sends head and payload as one message that is sent whole or not at all, without waiting, with a descriptor beside it
/// unless `passed` is -1 (it stays the caller's). Never raises SIGPIPE. Returns 0 or an errno; after EMSGSIZE a part was
/// sent and the channel is of no more use. `payload` may be null when its count is 0.
int script_channel_send(
    int channel, const void *head, size_t head_count, const void *payload, size_t payload_count, int passed);

enum { script_channel_descriptors = 4 };

/// Receives what is there, without waiting. Returns the number of bytes, 0 at the end, or a negative errno (-EAGAIN:
/// nothing there). Descriptors that came along (close-on-exec, owned by the caller) are put into `descriptors`, which
/// has room for script_channel_descriptors, and counted.
long script_channel_receive(int channel, void *buffer, size_t capacity, int *descriptors, int *descriptor_count);

/// An anonymous file with these bytes that nobody can change any more. Returns the descriptor (close-on-exec, owned by
/// the caller) or -1 with errno set.
int script_sealed_memory(const char *name, const void *bytes, size_t count);

/// The size of such a file, or -1 with errno set: EPERM where it is not sealed against shrinking and writing.
int64_t script_sealed_size(int descriptor);

/// A timer on CLOCK_MONOTONIC that becomes readable, does not block, close-on-exec. Returns -1 with errno set on failure.
int script_timer_open(void);

/// Sets the timer to an absolute time in nanoseconds; in the past means at once; negative disarms it. A set timer is no
/// longer readable until its new time. Returns 0 or an errno.
int script_timer_set(int timer, int64_t nanoseconds);

/// Waits for a semaphore (a sem_t, not null) until an absolute time on CLOCK_MONOTONIC in nanoseconds. Returns 0 or an errno:
/// ETIMEDOUT.
int script_semaphore_wait(void *semaphore, int64_t nanoseconds);

/// Names the calling thread for ps and debuggers; at most 15 bytes count.
void script_name_thread(const char *name);
