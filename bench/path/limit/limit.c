/*
 * The barest way from one TUN device to another: each direction is one thread
 * with one buffer, and moves what the kernel hands over, virtio-net header and
 * all, by a blocking read and a blocking write. Nothing is looked at.
 *
 * The devices are descriptors 3 and 4, with IFF_VNET_HDR and every offload of
 * the kernel turned on.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FIRST = 3, SECOND = 4, FRAME = 10 + 65535 };

static void copy(int from, int to)
{
	static __thread char frame[FRAME];

	for (;;) {
		ssize_t n = read(from, frame, sizeof frame);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			perror("read");
			exit(1);
		}
		/* What the other device does not take is lost, as on any wire. */
		if (write(to, frame, n) < 0)
			continue;
	}
}

static void *back(void *unused)
{
	copy(SECOND, FIRST);
	return unused;
}

int main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, back, NULL) != 0) {
		fputs("limit: cannot start a thread\n", stderr);
		return 1;
	}
	copy(FIRST, SECOND);
	return 0;
}
