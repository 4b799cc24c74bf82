/* The sender of paced.py: requests go out when they are due, over kept connections.

   It is in C because it shares the processors with the server that it measures. The same loop in Python takes 30 µs of
   a processor for each request, more than the server does, and sends late when it has to wait for its turn.

   Standard input: port, count of connections, count of requests, each as u32; then for each request its due time (double,
   seconds), its length (u32) and its bytes. Standard output: for each request in the order of the answers its number
   (u32), whether it was let in (u32), and how long it took since it was due and how late it was sent, once a connection
   was free (doubles). */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#define ANSWER 65536

struct request { double due; uint32_t size; char *bytes; };
struct talk { int socket; uint32_t number; double late; size_t got; char answer[ANSWER + 1]; };
struct outcome { uint32_t number, good; double took, late; };

static void fail(const char *what) { perror(what); exit(1); }

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void take(void *into, size_t size) {
    if (fread(into, 1, size, stdin) != size) fail("reading the requests");
}

static uint32_t number(void) { uint32_t found; take(&found, sizeof found); return found; }

static void send_all(int to, const char *bytes, size_t size) {
    while (size) {
        ssize_t sent = send(to, bytes, size, MSG_NOSIGNAL);
        if (sent < 0) fail("sending");
        bytes += sent;
        size -= sent;
    }
}

/* Take what has come; return whether the answer is whole. */
static int receive(struct talk *talk) {
    ssize_t got = recv(talk->socket, talk->answer + talk->got, ANSWER - talk->got, 0);
    if (got <= 0) fail("the server closed the connection");
    talk->got += got;
    talk->answer[talk->got] = 0;
    char *end = strstr(talk->answer, "\r\n\r\n"), *length = strcasestr(talk->answer, "\r\ncontent-length: ");
    return end && length && talk->got >= (size_t)(end + 4 - talk->answer) + strtoul(length + 18, NULL, 10);
}

static int connected(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, made = socket(AF_INET, SOCK_STREAM, 0);
    if (made < 0 || connect(made, (struct sockaddr *)&at, sizeof at)) fail("connecting");
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return made;
}

int main(void) {
    uint32_t port = number(), connections = number(), count = number();
    struct request *requests = calloc(count, sizeof *requests);
    struct talk *talks = calloc(connections, sizeof *talks);
    struct outcome *outcomes = calloc(count, sizeof *outcomes);
    uint32_t *free_talks = calloc(connections, sizeof *free_talks), first_free = 0, free_count = connections;
    for (uint32_t each = 0; each < count; each++) {
        take(&requests[each].due, sizeof requests[each].due);
        requests[each].size = number();
        requests[each].bytes = malloc(requests[each].size);
        take(requests[each].bytes, requests[each].size);
    }
    int poll = epoll_create1(0);
    for (uint32_t each = 0; each < connections; each++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = each};
        talks[each].socket = connected(port);
        free_talks[each] = each;
        if (epoll_ctl(poll, EPOLL_CTL_ADD, talks[each].socket, &event)) fail("epoll");
        /* The first request of a connection is no part of what is measured. */
        send_all(talks[each].socket, requests[each % count].bytes, requests[each % count].size);
        while (!receive(&talks[each]));
    }
    prctl(PR_SET_TIMERSLACK, 1000);
    struct epoll_event ready[256];
    double began = now() + 0.05, freed_at = 0;
    for (uint32_t sent = 0, done = 0; done < count;) {
        double at = now() - began;
        while (sent < count && requests[sent].due <= at && free_count) {
            /* The one that has been free longest: connections take turns. */
            struct talk *talk = &talks[free_talks[first_free]];
            first_free = (first_free + 1) % connections;
            free_count--;
            talk->number = sent;
            talk->got = 0;
            talk->late = at - (requests[sent].due > freed_at ? requests[sent].due : freed_at);
            send_all(talk->socket, requests[sent].bytes, requests[sent].size);
            sent++;
            at = now() - began;
        }
        /* But for moments it sleeps until there is something to do: it would else keep a whole processor busy, which the server may need. */
        double pause = sent == count || !free_count ? 1 : requests[sent].due - at;
        struct timespec until = {.tv_nsec = pause <= 15e-6 ? 0 : pause >= 1 ? 999999999 : pause * 1e9};
        int found = epoll_pwait2(poll, ready, 256, &until, NULL);
        if (found < 0) fail("epoll");
        for (int each = 0; each < found; each++) {
            struct talk *talk = &talks[ready[each].data.u32];
            if (!receive(talk)) continue;
            double took = now() - began - requests[talk->number].due;
            int good = !strncmp(talk->answer + 8, " 200 ", 5) && !strstr(talk->answer, "\"valid\":false");
            outcomes[done++] = (struct outcome){talk->number, good, took, talk->late};
            if (!free_count) freed_at = now() - began;
            free_talks[(first_free + free_count++) % connections] = ready[each].data.u32;
        }
    }
    if (fwrite(outcomes, sizeof *outcomes, count, stdout) != count) fail("writing");
    return 0;
}
