/* What the view's changes mean for the board: which places are to be looked at. Runs in the view's
 * follower thread. */
#ifndef BLOX_RECONCILE_WATCH_H
#define BLOX_RECONCILE_WATCH_H

#include "reconcile/board.h"

struct view_listener watch_listener(struct board *board);

#endif
