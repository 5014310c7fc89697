/* Reads streams by the hundred as cheaply as it can be done, counts their lines and looks at their
 * order: one thread, HTTP/1.0 (no chunks to take apart), nothing is parsed but each line's version.
 *
 *     readers PORT <commands
 *
 * "open N TARGET" opens N streams more, a group, and answers "open" when all have their headers;
 * "report" answers a line of JSON, an object for each group. The end of the input is the end.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_MAX  128
#define STREAMS_MAX 8192
#define EVENTS_MAX  256
#define READ_LEN    (256 * 1024)
#define TAIL_LEN    64 /* of a line: `"entityVersion":"<up to 19 digits>"}}` */
#define HEAD_MAX    4096
#define COMMAND_MAX 1024

struct stream {
    int fd;
    int group;
    bool ended;
    int64_t lines;
    int64_t disordered; /* lines whose version is not above the one before */
    int64_t version;
    size_t tail_len;
    char tail[TAIL_LEN]; /* the end of what was read last */
};

static struct stream streams[STREAMS_MAX];
static int n_streams;
static int n_groups;
static int epoll_fd;
static struct sockaddr_in server = {.sin_family = AF_INET};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Reads byte by byte up to the empty line: what follows is the stream's. */
static bool read_head(int fd)
{
    char head[HEAD_MAX];
    size_t len = 0;

    while (len < sizeof(head) && read(fd, head + len, 1) == 1) {
        len++;
        if (len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0) {
            return strncmp(head, "HTTP/1.1 200", 12) == 0;
        }
    }
    return false;
}

static void open_one(const char *target)
{
    struct stream *stream = &streams[n_streams];
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = stream};

    if (n_streams == STREAMS_MAX) {
        fprintf(stderr, "readers: at most %d streams\n", STREAMS_MAX);
        exit(1);
    }
    *stream = (struct stream){.fd = socket(AF_INET, SOCK_STREAM, 0), .group = n_groups};
    if (stream->fd < 0 || connect(stream->fd, (struct sockaddr *)&server, sizeof(server)) < 0) {
        die("connect");
    }
    if (dprintf(stream->fd, "GET %s HTTP/1.0\r\nHost: bench\r\n\r\n", target) < 0 ||
        !read_head(stream->fd)) {
        die(target);
    }
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, stream->fd, &wanted) < 0) {
        die("epoll_ctl");
    }
    n_streams++;
}

static void open_group(const char *arguments)
{
    char target[COMMAND_MAX];
    int n = 0;

    if (sscanf(arguments, "%d %1023s", &n, target) != 2 || n_groups == GROUPS_MAX) {
        fprintf(stderr, "readers: open what? %s\n", arguments);
        exit(1);
    }
    for (int i = 0; i < n; i++) {
        open_one(target);
    }
    n_groups++;
    puts("open");
    fflush(stdout);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The number in front of the line's closing `"}}`, or of a bookmark's `"},"bookmark":true}`. */
static int64_t version_before(const char *begin, const char *newline)
{
    const char *p = newline;
    int64_t version = 0;

    while (p > begin && (p[-1] < '0' || p[-1] > '9')) {
        p--;
    }
    while (p > begin && p[-1] >= '0' && p[-1] <= '9') {
        p--;
    }
    while (*p >= '0' && *p <= '9') {
        version = version * 10 + (*p++ - '0');
    }
    return version;
}

static void take_line(struct stream *stream, const char *begin, const char *newline)
{
    int64_t version = version_before(begin, newline);

    stream->lines++;
    stream->disordered += version <= stream->version;
    stream->version = version;
}

static void read_stream(struct stream *stream)
{
    static char room[TAIL_LEN + READ_LEN];
    char *begin = room + TAIL_LEN - stream->tail_len;
    ssize_t n = recv(stream->fd, room + TAIL_LEN, READ_LEN, MSG_DONTWAIT);

    if (n <= 0) {
        stream->ended = true;
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, stream->fd, NULL);
        return;
    }
    char *end = room + TAIL_LEN + n;
    size_t len;

    memcpy(begin, stream->tail, stream->tail_len);
    for (char *p = room + TAIL_LEN; (p = memchr(p, '\n', (size_t)(end - p))); p++) {
        take_line(stream, begin, p);
    }
    len = (size_t)(end - begin);
    stream->tail_len = len < TAIL_LEN ? len : TAIL_LEN;
    memcpy(stream->tail, end - stream->tail_len, stream->tail_len);
}

/* ---- telling --------------------------------------------------------------------------------- */

static void report_group(int group)
{
    int64_t least = INT64_MAX, most = 0, disordered = 0;
    int n = 0, ended = 0;

    for (int s = 0; s < n_streams; s++) {
        const struct stream *stream = &streams[s];

        if (stream->group == group) {
            n++;
            ended += stream->ended;
            disordered += stream->disordered;
            least = stream->lines < least ? stream->lines : least;
            most = stream->lines > most ? stream->lines : most;
        }
    }
    printf("%s{\"streams\":%d,\"ended\":%d,\"disordered\":%lld,\"least\":%lld,\"most\":%lld}",
           group ? "," : "", n, ended, (long long)disordered, (long long)least, (long long)most);
}

static void report(void)
{
    putchar('[');
    for (int group = 0; group < n_groups; group++) {
        report_group(group);
    }
    puts("]");
    fflush(stdout);
}

static bool obey(void)
{
    char line[COMMAND_MAX];

    if (!fgets(line, sizeof(line), stdin)) {
        return false;
    }
    if (strncmp(line, "open ", 5) == 0) {
        open_group(line + 5);
    } else {
        report();
    }
    return true;
}

int main(int argc, char **argv)
{
    struct epoll_event commands = {.events = EPOLLIN};
    struct epoll_event events[EVENTS_MAX];

    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT <commands\n", argv[0]);
        return 64;
    }
    server.sin_port = htons((uint16_t)atoi(argv[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    epoll_fd = epoll_create1(0);
    setvbuf(stdin, NULL, _IONBF, 0); /* what epoll says is then the whole truth */
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &commands) < 0) {
        die("epoll");
    }
    for (;;) {
        int n = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);

        for (int e = 0; e < n; e++) {
            if (events[e].data.ptr) {
                read_stream(events[e].data.ptr);
            } else if (!obey()) {
                return 0;
            }
        }
    }
}
