/* SPDX-License-Identifier: BSD-2-Clause */
/* The addresses of host names, for the whole process. Each name is looked up by one loop, and whoever
 * *watches* it, on any thread, is woken when its addresses change.
 *
 * Answers come from /etc/hosts first, then from the name servers of resolv.conf or of the policy, which are
 * asked for A and AAAA (dns_priv.h). The known addresses of a name stay in use until newer ones are known:
 *
 * - A name that is watched is asked again before the TTL of its addresses ends. No request waits for that.
 * - If no name server answers, the known addresses stay for `stale` longer.
 * - If a name server says that there are none, they go at once (RFC 8767 5).
 * - The two families are asked and kept one by one: an A record that comes late is added to what AAAA gave
 *   (RFC 8305 3), and one family that nobody answers for doesn't take the other's addresses away.
 *
 * A name that nobody watches any more is kept for some minutes, so that a reload finds it known. */
#pragma once

#include "net/loop.h"
#include "net/sockaddr.h"

struct wr_names;
struct wr_name;

/* So many addresses of one name are used. More are ignored, with a warning. */
#define WR_MAX_ADDRESSES 256

struct wr_addresses {
    size_t count;
    struct wr_sockaddr list[]; /* each once, in the order of wr_sockaddr_compare() */
};

enum wr_name_state {
    WR_NAME_ASKED,      /* nothing is known yet */
    WR_NAME_KNOWN,      /* there are addresses */
    WR_NAME_NONE,       /* there is no such name, or it has no address */
    WR_NAME_UNANSWERED, /* no name server has given a useful answer */
};

/* Somebody who wants to know a name's addresses. Embedded in him. */
struct wr_name_watch {
    struct wr_note note;
    void (*changed)(struct wr_name_watch *watch); /* the addresses or the state have changed */
    struct wr_name *name;                         /* NULL: watches nothing */
    TAILQ_ENTRY(wr_name_watch) entry;
};

/* Makes the names of a process. They are looked up on `loop`. Nothing is known yet, and nobody is asked
 * before wr_names_configure(). The caller owns it. Thread: the loop's owner, here and in the next three. */
struct wr_names *wr_names_new(struct wr_loop *loop);
/* Reads /etc/hosts and asks all names anew. servers: the name servers, "192.0.2.53,[2001:db8::53]:5353";
 * NULL: those of resolv.conf. stale: how long addresses stay in use after their TTL while no name server
 * answers. The addresses known until then stay. */
void wr_names_configure(struct wr_names *n, const char *servers, struct wr_span stale);
/* Adds the names of a file in the format of hosts(5). These names are never asked of a name server. A file
 * that can't be read adds nothing. */
void wr_names_hosts(struct wr_names *n, const char *file);
/* Frees it. Nobody may watch a name any more. NULL is fine. */
void wr_names_free(struct wr_names *n);

/* From now on w->changed is called on `loop`, never before this returns. Thread: the loop's owner, here and
 * in the next two. */
void wr_names_watch(struct wr_names *n, struct wr_name_watch *w, const char *host, struct wr_loop *loop,
                    void (*changed)(struct wr_name_watch *w));
/* Ends that. Does nothing if w watches nothing. */
void wr_names_unwatch(struct wr_name_watch *w);
/* Returns what is known now. KNOWN: *out has the addresses, with this port; the caller frees them with
 * free(3). Else *out is NULL. */
enum wr_name_state wr_names_read(const struct wr_name_watch *w, uint16_t port, struct wr_addresses **out);
