/*
 * leaks: the oracle of the secret: it is nowhere but in requests. (What is read through the API is looked through where
 * it is read.)
 */
#ifndef ANZOL_SIM_LEAKS_H
#define ANZOL_SIM_LEAKS_H

/* The whole log of the host. */
void leaks_check_log(int fd);
/* All files of the disk. */
void leaks_check_disk(void);

#endif
