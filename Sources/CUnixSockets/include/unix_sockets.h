// Unix sockets whose messages carry descriptors, descriptors of processes and signals: what Swift's view of the C library
// lacks, as control messages are macros and pidfd, signalfd and ucred are not in it.
//
// Every descriptor that is made or received here is close-on-exec and owned by the caller. No function keeps state; one
// descriptor may be used by several threads as the kernel allows it.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { unix_message_descriptors = 8 };

/// A socket of messages (SOCK_SEQPACKET), not bound. Returns -1 with errno set on failure.
int unix_message_socket(void);

/// A pair of connected ones that do not block. Returns 0, or -1 with errno set.
int unix_message_pair(int ends[2]);

/// Accepts one connection without waiting. Returns the descriptor, which does not block, or -1 with errno set: EAGAIN.
int unix_accept(int listener);

/// Sends one message without waiting, with at most unix_message_descriptors descriptors, which stay the caller's. Never
/// raises SIGPIPE. Returns 0 or an errno: EAGAIN, EMSGSIZE, EPIPE.
int unix_message_send(int connection, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count);

/// Receives one message without waiting. Returns its bytes, 0 at the end, or a negative errno: -EAGAIN; -EMSGSIZE where it
/// has more than `capacity` bytes, -E2BIG where more than unix_message_descriptors descriptors came along (both have
/// closed what came along). `descriptors` has room for unix_message_descriptors. `sender` is the process that sent it, as
/// this process's namespace numbers it, or 0: see unix_ask_for_sender.
long unix_message_receive(
    int connection, void *bytes, size_t capacity, int *descriptors, size_t *descriptor_count, int32_t *sender);

/// Has the kernel note on every message who sent it (SO_PASSCRED). Returns 0, or -1 with errno set.
int unix_ask_for_sender(int connection);

/// Who connected, as the kernel noted it then. Returns 0, or -1 with errno set.
int unix_peer(int connection, int32_t *process, uint32_t *user, uint32_t *group);

/// A descriptor that becomes readable when the process ends. Returns -1 with errno set: ESRCH.
int unix_process_open(int32_t process);

/// Returns 0, or -1 with errno set: ESRCH where it has ended.
int unix_process_signal(int process_descriptor, int signal);

/// Blocks the signals in the calling thread and returns a descriptor that they are read from, which does not block, or -1
/// with errno set.
int unix_signals_open(const int *signals, size_t count);

/// The next signal that has arrived, 0 where there is none, or -1 with errno set.
int unix_signals_next(int descriptor);

/// CLOCK_BOOTTIME in milliseconds.
int64_t unix_boot_milliseconds(void);
