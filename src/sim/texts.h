/* One copy of each text: what history and the call log name stays readable when its object is
 * gone, and equal texts are equal pointers. Kept until the end; a simulator's session is short. */
#ifndef BLOX_SIM_TEXTS_H
#define BLOX_SIM_TEXTS_H

/* The lasting copy; NULL for NULL. From any thread. */
const char *text_keep(const char *text);
const char *text_keepf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void texts_free(void);

#endif
