#define _GNU_SOURCE
#include "script_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const unsigned char source[] = {
#embed "worker.py"
};

const void *script_worker_source(size_t *count)
{
    *count = sizeof source;
    return source;
}

int script_channel_open(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    // Room for the largest inline frame, so that a send to a worker that waits for one never comes up short. The
    // kernel lowers it to net.core.wmem_max; where that is too small, the send says so.
    int room = 512 << 10;
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    return 0;
}

union control {
    struct cmsghdr aligned;
    char bytes[CMSG_SPACE(sizeof(int) * script_channel_descriptors)];
};

int script_channel_send(
    int channel, const void *head, size_t head_count, const void *payload, size_t payload_count, int passed)
{
    struct iovec parts[2] = {
        {.iov_base = (void *)head, .iov_len = head_count},
        {.iov_base = (void *)payload, .iov_len = payload_count},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = payload_count > 0 ? 2 : 1};
    union control control;
    if (passed >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof passed);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof passed);
        memcpy(CMSG_DATA(header), &passed, sizeof passed);
    }
    ssize_t sent;
    do
        sent = sendmsg(channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno;
    return (size_t)sent == head_count + payload_count ? 0 : EMSGSIZE;
}

long script_channel_receive(int channel, void *buffer, size_t capacity, int *descriptors, int *descriptor_count)
{
    *descriptor_count = 0;
    struct iovec part = {.iov_base = buffer, .iov_len = capacity};
    union control control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && *descriptor_count < script_channel_descriptors; i++)
            memcpy(&descriptors[(*descriptor_count)++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
    }
    return got;
}

int script_sealed_memory(const char *name, const void *bytes, size_t count)
{
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0)
        return -1;
    size_t written = 0;
    while (written < count) {
        ssize_t step = write(descriptor, (const char *)bytes + written, count - written);
        if (step < 0 && errno == EINTR)
            continue;
        if (step <= 0)
            goto failed;
        written += (size_t)step;
    }
    if (lseek(descriptor, 0, SEEK_SET) < 0)
        goto failed;
    if (fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
        return descriptor;
failed:;
    int error = errno ? errno : ENOSPC;
    close(descriptor);
    errno = error;
    return -1;
}

int64_t script_sealed_size(int descriptor)
{
    int seals = fcntl(descriptor, F_GET_SEALS);
    if (seals < 0)
        return -1;
    if ((seals & (F_SEAL_SHRINK | F_SEAL_WRITE)) != (F_SEAL_SHRINK | F_SEAL_WRITE)) {
        errno = EPERM;
        return -1;
    }
    struct stat information;
    if (fstat(descriptor, &information) < 0)
        return -1;
    return information.st_size;
}

int script_timer_open(void)
{
    return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

int script_timer_set(int timer, int64_t nanoseconds)
{
    struct itimerspec when = {0};
    if (nanoseconds >= 0) {
        int64_t at = nanoseconds > 0 ? nanoseconds : 1; // all zero would disarm
        when.it_value.tv_sec = at / 1000000000;
        when.it_value.tv_nsec = at % 1000000000;
    }
    return timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL) < 0 ? errno : 0;
}

int script_semaphore_wait(void *semaphore, int64_t nanoseconds)
{
    const struct timespec end = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    while (sem_clockwait(semaphore, CLOCK_MONOTONIC, &end) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

void script_name_thread(const char *name)
{
    prctl(PR_SET_NAME, name, 0, 0, 0);
}
