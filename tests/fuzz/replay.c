/* Feeds a fuzzer's corpus, tests/fuzz/corpus/FUZZ_CORPUS, to it once; prints TAP. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"
#include "util/strbuf.h"

static void replay(const char *dir, const char *name)
{
    AUTO_CHAR *path = xasprintf("%s/%s", dir, name);
    AUTO_STRBUF bytes = {0};
    FILE *in = fopen(path, "rb");
    char piece[4096];
    size_t len;

    if (!in) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    while ((len = fread(piece, 1, sizeof(piece), in)) > 0) {
        strbuf_add(&bytes, piece, len);
    }
    fclose(in);
    LLVMFuzzerTestOneInput((const uint8_t *)(bytes.text ? bytes.text : ""), bytes.len);
}

int main(void)
{
    const char *top = getenv("top_srcdir");
    AUTO_CHAR *dir = xasprintf("%s/tests/fuzz/corpus/" FUZZ_CORPUS, top ? top : ".");
    struct dirent **files = NULL;
    int n = scandir(dir, &files, NULL, alphasort);
    int n_replayed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash leaves the name of its file's predecessor */
    for (int i = 0; i < n; i++) {
        if (files[i]->d_name[0] != '.') {
            replay(dir, files[i]->d_name);
            printf("ok %d - %s\n", ++n_replayed, files[i]->d_name);
        }
        free(files[i]);
    }
    free(files);
    if (n_replayed == 0) {
        printf("Bail out! %s: no files\n", dir);
        return EXIT_FAILURE;
    }
    printf("1..%d\n", n_replayed);
    return EXIT_SUCCESS;
}
