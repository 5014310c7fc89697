/* Requests over one curl_multi; easy handles are used again and again. The door to libcurl. */
#include "net/fetch.h"

#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "util/mem.h"
#include "util/strbuf.h"

#define HEADERS_MAX   (64 * 1024)  /* bytes of one answer's headers */
#define KEPT_BODY_MAX (256 * 1024) /* bytes an idle handle keeps allocated for the next answer */
#define IDLE_S        20L          /* older idle connections are not used: peers close them too */
#define KEEPALIVE_S   30L

struct fetch_transfer {
    TAILQ_ENTRY(fetch_transfer) link; /* in active or idle */
    struct fetch *fetch;
    CURL *easy;
    struct curl_slist *headers;
    const char *body;
    size_t body_len;
    size_t body_given; /* bytes handed to libcurl */
    size_t answer_max;
    int sends; /* how often libcurl began the request */
    bool once;
    bool used_up;
    bool repeated; /* libcurl wanted to send a second time what leaves once */
    bool refused;  /* by may_send */
    bool too_long; /* the answer */
    size_t headers_len;
    bool head_whole; /* the empty line behind the headers has come */
    bool (*may_send)(void *ctx);
    void *may_send_ctx;
    fetch_done *done;
    void *ctx;
    struct strbuf answer;
    char why[CURL_ERROR_SIZE];
};

TAILQ_HEAD(transfers, fetch_transfer);

struct fetch {
    CURLM *multi;
    CURLSH *tls_sessions;
    char *user_agent;
    struct transfers active;
    struct transfers idle;
};

/* ---- open and close -------------------------------------------------------------------------- */

static void init_curl(void)
{
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);

    assert(code == CURLE_OK);
    (void)code;
}

struct fetch *fetch_new(int connections_max, const char *user_agent, struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, init_curl);
    AUTO(fetch) *fetch = xcalloc(1, sizeof(*fetch));

    TAILQ_INIT(&fetch->active);
    TAILQ_INIT(&fetch->idle);
    fetch->user_agent = xstrdup(user_agent);
    fetch->multi = curl_multi_init();
    fetch->tls_sessions = curl_share_init();
    if (!fetch->multi || !fetch->tls_sessions) {
        error_set(err, ERR_INTERNAL, "libcurl gives no handle");
        return NULL;
    }
    curl_share_setopt(fetch->tls_sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(fetch->multi, CURLMOPT_MAXCONNECTS, (long)connections_max);
    return TAKE(fetch);
}

static void free_transfers(struct fetch *fetch, struct transfers *transfers)
{
    struct fetch_transfer *transfer = NULL;

    while ((transfer = TAILQ_FIRST(transfers))) {
        TAILQ_REMOVE(transfers, transfer, link);
        curl_multi_remove_handle(fetch->multi, transfer->easy);
        curl_easy_cleanup(transfer->easy);
        curl_slist_free_all(transfer->headers);
        strbuf_clear(&transfer->answer);
        free(transfer);
    }
}

void fetch_free(struct fetch *fetch)
{
    if (!fetch) {
        return;
    }
    free_transfers(fetch, &fetch->active);
    free_transfers(fetch, &fetch->idle);
    curl_multi_cleanup(fetch->multi);
    curl_share_cleanup(fetch->tls_sessions);
    free(fetch->user_agent);
    free(fetch);
}

/* ---- what libcurl calls ---------------------------------------------------------------------- */

static size_t give_body(char *out, size_t size, size_t n, void *ctx)
{
    struct fetch_transfer *transfer = ctx;
    size_t left = transfer->body_len - transfer->body_given;
    size_t len = left < size * n ? left : size * n;

    if (transfer->body_given == 0 && transfer->may_send &&
        !transfer->may_send(transfer->may_send_ctx)) {
        transfer->refused = true;
        return CURL_READFUNC_ABORT;
    }
    memcpy(out, transfer->body + transfer->body_given, len);
    transfer->body_given += len;
    if (transfer->used_up) {
        mem_give_back(transfer->body, transfer->body_given);
    }
    return len;
}

static size_t take_answer(char *bytes, size_t size, size_t n, void *ctx)
{
    struct fetch_transfer *transfer = ctx;
    size_t len = size * n;

    if (len > transfer->answer_max - transfer->answer.len) {
        transfer->too_long = true;
        return 0;
    }
    strbuf_add(&transfer->answer, bytes, len);
    return len;
}

/* libcurl keeps the headers itself (see fetch_answer_header); here is their limit. */
static size_t count_header(char *bytes, size_t size, size_t n, void *ctx)
{
    struct fetch_transfer *transfer = ctx;

    transfer->headers_len += size * n;
    if (size * n >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        transfer->head_whole = false; /* a status line: perhaps one after that of a 1xx */
    } else if (bytes[0] == '\r' || bytes[0] == '\n') {
        transfer->head_whole = true; /* and stays so: trailers come here as well */
    }
    if (transfer->headers_len > HEADERS_MAX) {
        transfer->too_long = true;
        return 0;
    }
    return size * n;
}

/* Right before a request leaves on a connection, also when libcurl repeats it on another. */
static int count_send(void *ctx, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
    struct fetch_transfer *transfer = ctx;

    (void)peer_ip, (void)own_ip, (void)peer_port, (void)own_port;
    transfer->repeated = transfer->once && transfer->sends > 0;
    if (transfer->repeated) {
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->sends++;
    return CURL_PREREQFUNC_OK;
}

/* ---- one request ----------------------------------------------------------------------------- */

static struct fetch_transfer *idle_transfer(struct fetch *fetch)
{
    struct fetch_transfer *transfer = TAILQ_FIRST(&fetch->idle);

    if (transfer) {
        TAILQ_REMOVE(&fetch->idle, transfer, link);
        return transfer;
    }
    transfer = xcalloc(1, sizeof(*transfer));
    transfer->fetch = fetch;
    transfer->easy = curl_easy_init();
    assert(transfer->easy);
    return transfer;
}

static void recycle(struct fetch_transfer *transfer)
{
    struct fetch *fetch = transfer->fetch;
    struct strbuf answer = transfer->answer;
    CURL *easy = transfer->easy;

    TAILQ_REMOVE(&fetch->active, transfer, link);
    curl_multi_remove_handle(fetch->multi, easy);
    curl_easy_reset(easy);
    curl_slist_free_all(transfer->headers);
    if (answer.cap > KEPT_BODY_MAX) {
        strbuf_clear(&answer);
    }
    strbuf_reset(&answer);
    *transfer = (struct fetch_transfer){.fetch = fetch, .easy = easy, .answer = answer};
    TAILQ_INSERT_HEAD(&fetch->idle, transfer, link);
}

/* libcurl adds no header of its own but User-Agent and Content-Length. To it "Name:" is the wish to
 * leave one out, and "Name;" one without a value. */
static void set_headers(struct fetch_transfer *transfer, const struct fetch_request *request)
{
    AUTO_STRBUF line = {0};

    transfer->headers = curl_slist_append(NULL, "Expect:");
    transfer->headers = curl_slist_append(transfer->headers, "Accept:");
    transfer->headers = curl_slist_append(transfer->headers, "Content-Type:");
    for (size_t i = 0; i < request->n_headers; i++) {
        const struct fetch_header *header = &request->headers[i];

        strbuf_reset(&line);
        strbuf_addf(&line, *header->value ? "%s: %s" : "%s;", header->name, header->value);
        transfer->headers = curl_slist_append(transfer->headers, line.text);
    }
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

/* A body from a function that cannot go back is one libcurl cannot send twice. */
static void set_body(struct fetch_transfer *transfer, const struct fetch_request *request)
{
    CURL *easy = transfer->easy;

    if (!request->body) {
        return;
    }
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
    if (request->once) {
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
        curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
    } else {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    }
}

static void set_up(struct fetch_transfer *transfer, const struct fetch_request *request)
{
    CURL *easy = transfer->easy;
    long timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : 1; /* 0 would be for ever */
    long connect_ms = request->connect_ms > 0 ? request->connect_ms : FETCH_CONNECT_MS;

    if (request->timeout_ms == FETCH_FOREVER) {
        timeout_ms = 0;
    } else if (timeout_ms < connect_ms) {
        connect_ms = timeout_ms;
    }
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, request->target);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->fresh ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_S);
    curl_easy_setopt(easy, CURLOPT_SHARE, transfer->fetch->tls_sessions);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, transfer->fetch->user_agent);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->why);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, count_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, count_send);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    if (request->direct) {
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    }
    set_body(transfer, request);
    if (streq(request->method, "HEAD")) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L); /* else it would wait for one */
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    set_headers(transfer, request);
}

struct fetch_transfer *fetch_start(struct fetch *fetch, const struct fetch_request *request,
                                   fetch_done *done, void *ctx)
{
    struct fetch_transfer *transfer = idle_transfer(fetch);

    transfer->body = request->body;
    transfer->body_len = request->body_len;
    transfer->answer_max = request->answer_max ? request->answer_max : FETCH_ANSWER_MAX;
    transfer->once = request->once;
    transfer->used_up = request->used_up;
    transfer->may_send = request->may_send;
    transfer->may_send_ctx = request->may_send_ctx;
    transfer->done = done;
    transfer->ctx = ctx;
    set_up(transfer, request);
    TAILQ_INSERT_TAIL(&fetch->active, transfer, link);
    curl_multi_add_handle(fetch->multi, transfer->easy);
    return transfer;
}

/* A body that was given as one block may leave together with the request's first bytes. */
static bool body_sent(const struct fetch_transfer *transfer)
{
    long request_len = 0;

    if (transfer->once && transfer->body_len > 0) {
        return transfer->body_given > 0;
    }
    curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &request_len);
    return request_len > 0;
}

bool fetch_cancel(struct fetch_transfer *transfer)
{
    bool sent = body_sent(transfer);

    recycle(transfer);
    return sent;
}

/* ---- the end of a request -------------------------------------------------------------------- */

static void explain(const struct fetch_transfer *transfer, CURLcode code, struct error *err)
{
    const char *why = transfer->why[0] ? transfer->why : curl_easy_strerror(code);

    if (transfer->refused) {
        error_set(err, ERR_CONFLICT, "no longer allowed to send");
    } else if (transfer->too_long) {
        error_set(err, ERR_PROTOCOL, "the answer is too long");
    } else if (transfer->repeated || code == CURLE_SEND_FAIL_REWIND) {
        error_set(err, ERR_UNAVAILABLE, "the connection closed before an answer came");
    } else if (code == CURLE_OK && !transfer->head_whole) { /* which libcurl takes for an answer */
        error_set(err, ERR_PROTOCOL, "the answer broke off within its headers");
    } else if (transfer->sends == 0 &&
               (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT)) {
        error_set(err, ERR_INVALID, "%s", why);
    } else if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY ||
               code == CURLE_BAD_CONTENT_ENCODING || code == CURLE_HTTP2) {
        error_set(err, ERR_PROTOCOL, "%s", why);
    } else if (code != CURLE_OK) {
        error_set(err, ERR_UNAVAILABLE, "%s", why);
    }
}

static void finish(struct fetch_transfer *transfer, CURLcode code)
{
    struct fetch_answer answer = {
        .body = transfer->answer.text ? transfer->answer.text : "",
        .body_len = transfer->answer.len,
        .taken = &transfer->answer,
        .body_sent = body_sent(transfer),
        .begun = transfer->headers_len > 0,
        .timed_out = code == CURLE_OPERATION_TIMEDOUT,
        .too_long = transfer->too_long,
        .headers = transfer->easy,
    };
    long status = 0;

    explain(transfer, code, &answer.err);
    if (answer.err.code == ERR_NONE) {
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
        answer.status = (int)status;
    }
    transfer->done(transfer->ctx, &answer);
    recycle(transfer);
}

static void turn(struct fetch *fetch, struct curl_waitfd *watched, int timeout_ms)
{
    int running = 0;
    int left = 0;
    bool ended = false;
    CURLMsg *msg = NULL;

    curl_multi_perform(fetch->multi, &running);
    while ((msg = curl_multi_info_read(fetch->multi, &left))) {
        struct fetch_transfer *transfer = NULL;
        CURLcode code = msg->data.result;

        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        finish(transfer, code);
        ended = true;
    }
    if (!ended) {
        curl_multi_poll(fetch->multi, watched, watched ? 1 : 0, timeout_ms, NULL);
    }
}

void fetch_turn(struct fetch *fetch, int timeout_ms)
{
    turn(fetch, NULL, timeout_ms);
}

void fetch_turn_watching(struct fetch *fetch, int fd, int timeout_ms)
{
    turn(fetch, &(struct curl_waitfd){.fd = fd, .events = CURL_WAIT_POLLIN}, timeout_ms);
}

void fetch_wake(struct fetch *fetch)
{
    curl_multi_wakeup(fetch->multi);
}

/* libcurl 7.88 gives "\r" as the value of a header without one. */
static const char *value_of(const struct curl_header *header)
{
    return streq(header->value, "\r") ? "" : header->value;
}

const char *fetch_answer_header(const struct fetch_answer *answer, const char *name)
{
    struct curl_header *header = NULL;
    CURLHcode code = curl_easy_header(answer->headers, name, 0, CURLH_HEADER, -1, &header);

    return code == CURLHE_OK ? value_of(header) : NULL;
}

void fetch_answer_headers(const struct fetch_answer *answer,
                          void (*each)(void *ctx, const char *name, const char *value), void *ctx)
{
    struct curl_header *header = NULL;

    while ((header = curl_easy_nextheader(answer->headers, CURLH_HEADER, -1, header))) {
        each(ctx, header->name, value_of(header));
    }
}

int64_t fetch_parse_date_ms(const char *text)
{
    time_t at = curl_getdate(text, NULL);

    return at < 0 ? -1 : (int64_t)at * 1000;
}
