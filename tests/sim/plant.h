/*
 * plant: bugs, planted on purpose, to see that the simulator finds them. The linker puts them around the functions of
 * the runtime that they spoil (ld --wrap); nothing of the runtime itself is changed.
 */
#ifndef ANZOL_SIM_PLANT_H
#define ANZOL_SIM_PLANT_H

#include "world.h"

/* PLANT_NONE: no such bug. */
enum plant plant_parse(const char *name);
const char *plant_name(enum plant p);

#endif
