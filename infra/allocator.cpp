// How jemalloc, which jangbu is linked with (CMakeLists.txt), is to behave. It reads this when the
// process starts; the environment variable MALLOC_CONF overrides it.
//
// Memory that was freed goes back to the system after a second, by jemalloc's own thread, so that a
// process which had a few large answers and is idle again does not keep hundreds of megabytes. Few
// arenas, since each keeps some memory of its own and few threads allocate much.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0,narenas:4";
}
