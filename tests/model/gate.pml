/* The approval gate: one action, two payload versions, a requester (0) and two reviewers, quorum Q, two workers that
   were handed the same message, a crash anywhere, a reaper that may be wrong, and a kill, an expiry, a cancellation,
   an edit and a lost right at any moment.

   It models what the database does under READ COMMITTED: a statement decides on the snapshot taken when it began and
   re-reads only the row that it locks. So a claim in one statement can miss a kill or a lost right that was committed
   after its snapshot. The real claim takes shared advisory locks first, then locks its row, then checks in a new
   statement; whoever withdraws permission takes the advisory lock alone.

   Each -D below removes one rule; the test expects every one of them to break an assertion. */

mtype = { PENDING, APPROVED, REJECTED, EXPIRED, CANCELLED, CLAIMED, DONE, UNKNOWN };
#ifndef Q
#define Q 2
#endif

mtype st = PENDING;             /* of the action and its request */
byte ver = 0;                   /* payload version in force */
bool voted[3]; byte vver[3];    /* a vote and the version it names */
byte saw[3];                    /* ghost: the version the voter really saw */
bool elig[3];
byte raw = 0;
bool late = false, kill = false;
bool stopped = false;           /* somebody was told "rejected", "expired" or "cancelled" */
byte effects = 0;
byte epoch = 0;
byte sharing = 0;               /* claims that hold the advisory locks */

#ifdef COUNT_RAW
#define COUNTED raw
#else
#ifdef NO_SOD
#define COUNTED ((voted[0] && vver[0]==ver) + (voted[1] && elig[1] && vver[1]==ver) + (voted[2] && elig[2] && vver[2]==ver))
#else
#define COUNTED ((voted[1] && elig[1] && vver[1]==ver) + (voted[2] && elig[2] && vver[2]==ver))
#endif
#endif
#define TRUTH ((voted[1] && elig[1] && saw[1]==ver) + (voted[2] && elig[2] && saw[2]==ver))

#ifdef NO_SOD
#define MAYVOTE elig[p]
#else
#define MAYVOTE (p != 0 && elig[p])
#endif
#ifdef NO_VERBIND
#define SAMEBYTES true
#else
#define SAMEBYTES (seen == ver)
#endif
#ifdef NO_ADVISORY
#define ALONE true
#else
#define ALONE (sharing == 0)
#endif

proctype Reviewer(byte p) {
  byte seen; byte twice = 0;
  seen = ver;                                   /* the page is rendered */
  do
  :: twice < 1 || (p == 1 && twice < 2) -> twice++;
     if
     :: skip -> atomic { if
          :: st == PENDING && !late && MAYVOTE && SAMEBYTES ->
             raw++;
             voted[p] = true; vver[p] = ver; saw[p] = seen;
             if :: COUNTED >= Q -> st = APPROVED :: else fi
          :: else fi }
     :: skip -> atomic { if
          :: (st == PENDING || st == APPROVED) && p != 0 && elig[p] -> st = REJECTED; stopped = true
          :: else fi }
     :: skip
     fi
  :: else -> break
  od
}

proctype Edit() {
  atomic { if
    :: st == PENDING || st == APPROVED ->
       ver = 1;
       #ifndef EDIT_KEEPS_APPROVAL
       st = PENDING; raw = 0; voted[0] = false; voted[1] = false; voted[2] = false
       #endif
    :: skip fi }
}

proctype Clock() { late = true; atomic { if :: st == PENDING || st == APPROVED -> st = EXPIRED; stopped = true :: else fi } }

proctype Cancel() {
  atomic { if
    #ifdef CANCEL_ANYTIME
    :: st == PENDING || st == APPROVED || st == CLAIMED -> st = CANCELLED; stopped = true
    #else
    :: st == PENDING || st == APPROVED -> st = CANCELLED; stopped = true
    #endif
    :: skip fi }
}

proctype Kill()   { if :: atomic { ALONE -> kill = true } :: skip fi }
proctype Revoke() { if :: atomic { ALONE -> elig[1] = false } :: skip fi }

proctype Worker() {
  byte mine = 0; bool skill; bool slate; byte scount; bool go = false;
  #ifndef NO_ADVISORY
  sharing++;
  #endif
  #ifdef SINGLE_STATEMENT
  atomic { skill = kill; slate = late; scount = COUNTED }   /* the snapshot; then it waits for its row */
  atomic {
    if :: st == APPROVED && !slate && !skill && scount >= Q -> go = true :: else fi;
  #else
  #ifdef READ_THEN_WRITE
  go = (st == APPROVED && !late && !kill && COUNTED >= Q);
  atomic {
  #else
  atomic {                                                  /* the row is locked; a new statement sees what is true now */
    #ifdef NO_RECHECK
    if :: st == APPROVED -> go = true :: else fi;
    #else
    if :: st == APPROVED && !late && !kill && COUNTED >= Q -> go = true :: else fi;
    #endif
  #endif
  #endif
    if
    :: go ->
       assert(!kill);                           /* I7: nothing new is claimed once a kill is committed */
       assert(!late);                           /* I3 */
       assert(TRUTH >= Q);                      /* I2 */
       st = CLAIMED; epoch++; mine = epoch
    :: else -> skip
    fi
  }
  #ifndef NO_ADVISORY
  sharing--;
  #endif
  if :: !go -> goto over :: else fi;
  if :: skip :: goto over fi;                   /* crash before the effect */
  atomic {
    effects++;
    assert(effects <= 1);                       /* I1 */
    assert(!stopped)                            /* I5 */
  }
  if :: skip :: goto over fi;                   /* crash before the receipt */
  atomic { if :: (st == CLAIMED || st == UNKNOWN) && epoch == mine -> st = DONE :: else fi }
over: skip
}

proctype Reaper() {                             /* the lease looks lost; it may be wrong */
  if
  :: atomic { st == CLAIMED ->
     #ifdef BLIND_RETRY
     st = APPROVED
     #else
     st = UNKNOWN
     #endif
     }
  :: skip
  fi;
  #ifdef PROBE_IS_PERMISSION
  atomic { if :: st == UNKNOWN && effects == 0 -> st = APPROVED :: else fi }
  #endif
}

init {
  atomic {
    elig[0] = true; elig[1] = true; elig[2] = true;
    run Reviewer(0); run Reviewer(1); run Reviewer(2);
    run Edit(); run Clock(); run Cancel(); run Kill(); run Revoke();
    run Worker(); run Worker(); run Reaper()
  }
}
