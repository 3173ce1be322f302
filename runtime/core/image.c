#include "core/image.h"

#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* What may be written, or was until it was relocated, is in segments that say so: those stay. */
static int let_go(struct dl_phdr_info *object, size_t size, void *ud)
{
    (void)size;
    uintptr_t page = *(const uintptr_t *)ud;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0)
            continue;
        uintptr_t start = object->dlpi_addr + segment->p_vaddr, end = start + segment->p_memsz;
        start -= start % page;
        (void)madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void image_let_go(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)dl_iterate_phdr(let_go, &page);
}
