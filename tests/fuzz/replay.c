/* replay: the inputs of a folder through a target, once each, as TAP. What is found ends it. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* Into memory of its very size, so that a sanitizer sees what is read behind it. */
static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0)
        fuzz_fail("cannot read %s", path);
    long end = ftell(f);
    *size = (size_t)end;
    uint8_t *data = malloc(*size);
    rewind(f);
    if (end < 0 || (*size > 0 && (data == NULL || fread(data, *size, 1, f) != 1)))
        fuzz_fail("cannot read %s", path);
    fclose(f);
    return data;
}

static void replay(const char *folder, const char *name)
{
    char path[4096];
    size_t size;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    printf("# %s\n", path);
    fflush(stdout);
    uint8_t *data = read_file(path, &size);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

int main(int argc, char **argv)
{
    struct dirent **found;
    int count = argc == 2 ? scandir(argv[1], &found, NULL, alphasort) : -1, ran = 0;
    if (count < 0) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 0; i < count; free(found[i++]))
        if (found[i]->d_name[0] != '.') {
            replay(argv[1], found[i]->d_name);
            ran++;
        }
    free(found);
    printf("%sok - %d inputs of %s\n", ran > 0 ? "" : "not ", ran, argv[1]);
    return ran > 0 ? 0 : 1;
}
