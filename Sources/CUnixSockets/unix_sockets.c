#define _GNU_SOURCE
#include "unix_sockets.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

union control {
    struct cmsghdr aligned;
    char bytes[CMSG_SPACE(sizeof(int) * unix_message_descriptors) + CMSG_SPACE(sizeof(struct ucred))];
};

int unix_message_socket(void)
{
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

int unix_message_pair(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
}

int unix_accept(int listener)
{
    int connection;
    // ECONNABORTED: who connected has gone already; the next one counts.
    do
        connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (connection < 0 && (errno == EINTR || errno == ECONNABORTED));
    return connection;
}

int unix_message_send(int connection, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count)
{
    if (descriptor_count > unix_message_descriptors)
        return E2BIG;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union control control;
    if (descriptor_count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptor_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * descriptor_count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * descriptor_count);
    }
    ssize_t sent;
    do
        sent = sendmsg(connection, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? errno : 0;
}

int unix_ask_for_sender(int connection)
{
    int on = 1;
    return setsockopt(connection, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
}

long unix_message_receive(
    int connection, void *bytes, size_t capacity, int *descriptors, size_t *descriptor_count, int32_t *sender)
{
    *descriptor_count = 0;
    *sender = 0;
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    union control control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(connection, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS) {
            struct ucred from;
            memcpy(&from, CMSG_DATA(header), sizeof from);
            *sender = from.pid;
        }
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
            if (*descriptor_count < unix_message_descriptors) {
                descriptors[(*descriptor_count)++] = descriptor;
                continue;
            }
            // The room for credentials holds some more, which are open by now.
            close(descriptor);
            message.msg_flags |= MSG_CTRUNC;
        }
    }
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
        return got;
    for (size_t i = 0; i < *descriptor_count; i++)
        close(descriptors[i]);
    *descriptor_count = 0;
    return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : -E2BIG;
}

int unix_peer(int connection, int32_t *process, uint32_t *user, uint32_t *group)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return -1;
    *process = peer.pid;
    *user = peer.uid;
    *group = peer.gid;
    return 0;
}

int unix_process_open(int32_t process)
{
    return (int)syscall(SYS_pidfd_open, process, 0);
}

int unix_process_signal(int process_descriptor, int signal)
{
    return (int)syscall(SYS_pidfd_send_signal, process_descriptor, signal, NULL, 0);
}

int unix_signals_open(const int *signals, size_t count)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++)
        if (sigaddset(&set, signals[i]) < 0)
            return -1;
    int code = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (code != 0) {
        errno = code;
        return -1;
    }
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int unix_signals_next(int descriptor)
{
    struct signalfd_siginfo info;
    ssize_t got;
    do
        got = read(descriptor, &info, sizeof info);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? 0 : -1;
    return (int)info.ssi_signo;
}

int64_t unix_boot_milliseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}
