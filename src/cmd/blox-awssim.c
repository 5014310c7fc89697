/* The local AWS for development and tests. */
#include <stdio.h>

int main(void)
{
    puts("blox-awssim " PACKAGE_VERSION);
    return 0;
}
