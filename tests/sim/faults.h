/*
 * faults: how the disk behaves: how long it takes, and in its bad times what fails, or when it is full.
 */
#ifndef ANZOL_SIM_FAULTS_H
#define ANZOL_SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

enum fault {
    FAULT_SLOW,   /* each sync takes up to some seconds */
    FAULT_WRITES, /* some writes fail, cut off in the middle */
    FAULT_SYNCS,  /* some syncs fail */
    FAULT_READS,  /* some reads fail */
    FAULT_LATE,   /* reads take up to a second */
    FAULT_FULL,   /* there is no room */
    FAULT_COUNT
};

void faults_begin(void);
/* What the disk leaves to chance. */
uint64_t faults_bits(void *ud);
/* For so long. */
void faults_set(enum fault f, int64_t for_ns);
/* The process is killed, or the power cut, before that change of the disk (disk_changes()), and comes back. */
void faults_crash_at(uint64_t change, bool power, int64_t down_ns);
/* None is left from here on. */
void faults_end(void);
/* There is one now, or there was a moment ago. */
bool faults_recent(void);
/* Since when, or from when on, there is none. */
int64_t faults_sound_ns(void);
const char *faults_name(enum fault f);

#endif
