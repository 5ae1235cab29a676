/*
 * Runs a fuzzer's kept inputs (every file of the folders named on the command line) as an ordinary
 * test: links against LLVMFuzzerTestOneInput instead of libFuzzer. Fails when there is no input at
 * all.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    uint8_t *data;
    size_t n;

    if (f == NULL || fstat(fileno(f), &st) < 0 || !S_ISREG(st.st_mode)) {
        if (f != NULL)
            fclose(f);
        return 0;
    }
    data = malloc((size_t)st.st_size + 1);
    n = data != NULL ? fread(data, 1, (size_t)st.st_size, f) : 0;
    fclose(f);
    LLVMFuzzerTestOneInput(data, n);
    free(data);
    return 1;
}

static int replay_folder(const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *e;
    int count = 0;

    while (d != NULL && (e = readdir(d)) != NULL) {
        char path[4096];

        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        count += replay_file(path);
    }
    if (d != NULL)
        closedir(d);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++)
        count += replay_folder(argv[i]);
    printf("%d inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
