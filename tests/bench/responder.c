/* The ceiling of our API: a libfcgi program which answers 27 bytes and does nothing else.
 *
 *     responder SOCKET THREADS
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static int listen_fd;

static void *answer_for_ever(void *unused)
{
    FCGX_Request request;

    FCGX_InitRequest(&request, listen_fd, 0);
    while (FCGX_Accept_r(&request) == 0) {
        FCGX_PutS("Content-Type: application/json; charset=UTF-8\r\nContent-Length: 27\r\n\r\n"
                  "{\"answer\":\"nothing at all\"}",
                  request.out);
        FCGX_Finish_r(&request);
    }
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;

    if (argc != 3) {
        fprintf(stderr, "usage: %s SOCKET THREADS\n", argv[0]);
        return 64;
    }
    FCGX_Init();
    listen_fd = FCGX_OpenSocket(argv[1], 4096);
    for (int i = 1; i < atoi(argv[2]); i++) {
        pthread_create(&thread, NULL, answer_for_ever, NULL);
    }
    answer_for_ever(NULL);
    return 0;
}
