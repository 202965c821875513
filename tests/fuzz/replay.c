/* SPDX-License-Identifier: MIT */
/* Stands in libFuzzer's place in builds without it: gives a target the inputs of its corpus, once each. So every
 * compiler, sanitizer and `make check` sees them. Arguments are files or directories; without any it is the corpus that
 * has the program's name. */
#include <dirent.h>

#include "fuzz/input.h"

static unsigned replayed;

static void replay_file(const char *path, FILE *file)
{
    long size;
    uint8_t *data;

    require(fseek(file, 0, SEEK_END) == 0);
    size = ftell(file);
    require(size >= 0);
    rewind(file);
    /* Exactly so long, that a sanitizer sees each byte read behind it. */
    data = malloc((size_t)size ? (size_t)size : 1);
    require(data && fread(data, 1, (size_t)size, file) == (size_t)size);
    /* Known before it crashes: the log's last line is the culprit. */
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    replayed++;
}

static void replay(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    FILE *file;
    char name[4096];

    if (!dir) {
        file = fopen(path, "re");
        if (!file) {
            fprintf(stderr, "%s cannot be read\n", path);
            exit(EXIT_FAILURE);
        }
        replay_file(path, file);
        fclose(file);
        return;
    }
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        replay(name);
    }
    closedir(dir);
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/'), *source = getenv("srcdir");
    char corpus[4096];

    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    if (argc == 1) {
        snprintf(corpus, sizeof corpus, "%s/tests/fuzz/corpus/%s", source ? source : ".",
                 name ? name + 1 : argv[0]);
        replay(corpus);
    }
    printf("%u inputs replayed\n", replayed);
    /* A corpus that has gone missing must not look like one without finds. */
    return replayed ? EXIT_SUCCESS : EXIT_FAILURE;
}
