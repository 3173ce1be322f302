/*
 * secrecy: the oracle of the secret: it is nowhere but in requests. (Answers of the API are looked through by the
 * server.)
 */
#ifndef ANZOL_SIM_SECRECY_H
#define ANZOL_SIM_SECRECY_H

/* The whole log of the host. */
void secrecy_check_log(int fd);
/* All files of the disk. */
void secrecy_check_disk(void);

#endif
