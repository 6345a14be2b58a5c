
/*
 * Runs a fuzz target over files and those of directories, without libFuzzer:
 * so the ordinary tests replay what fuzzing has found.  The target aborts
 * where something is wrong.
 */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static unsigned replay(const char *path);
static unsigned replay_dir(const char *path);
static unsigned replay_file(const char *path, size_t size);


int
main(int argc, char **argv)
{
    int       i;
    unsigned  n;

    n = 0;

    for (i = 1; i < argc; i++) {
        n += replay(argv[i]);
    }

    printf("%sok 1 - %u inputs\n1..1\n", n ? "" : "not ", n);

    return n ? 0 : 1;
}


static unsigned
replay(const char *path)
{
    struct stat  st;

    if (stat(path, &st) != 0) {
        perror(path);
        exit(1);
    }

    return S_ISDIR(st.st_mode) ? replay_dir(path)
                               : replay_file(path, (size_t) st.st_size);
}


static unsigned
replay_dir(const char *path)
{
    DIR            *dir;
    char            name[4096];
    unsigned        n;
    struct dirent  *entry;

    dir = opendir(path);
    if (dir == NULL) {
        perror(path);
        exit(1);
    }

    n = 0;

    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
            n += replay(name);
        }
    }

    closedir(dir);

    return n;
}


/* the input lies in a block of just its size, for sanitizers to see its end */

static unsigned
replay_file(const char *path, size_t size)
{
    FILE     *file;
    uint8_t  *data;

    file = fopen(path, "rb");
    data = malloc(size ? size : 1);

    if (file == NULL || data == NULL || fread(data, 1, size, file) != size) {
        perror(path);
        exit(1);
    }

    fclose(file);

    LLVMFuzzerTestOneInput(data, size);

    free(data);

    return 1;
}
