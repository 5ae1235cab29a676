/*
 * One table: the first row whose word stands in the User-Agent decides. A word counts only where a
 * word begins (not behind a letter or digit), so "Chrome/" is not found in "HeadlessChrome/", nor
 * "java/" in "notjava/1".
 *
 * Order is meaning: tools, then mobile, then desktop; within a type the particular before the
 * general, since Edge, Opera and QQ all say "Chrome/" too, and Chrome says "Safari/".
 */
#include "access/browser.h"

#include "base/mem.h"
#include "base/panic.h"

enum {
    UA_MAX = 512, /* a longer User-Agent is judged by its beginning */
    WORDS_MAX = 96,
};

enum platform { ANY, ON_MOBILE, ON_IOS };

static const struct row {
    enum browser_type type;
    struct str name;
    struct str word; /* lower case */
    enum platform platform;
} rows[] = {
#define R(type, name, word, ...)                          \
    {                                                     \
        BROWSER_##type, STR(name), STR(word), __VA_ARGS__ \
    }
    /* clang-format off */
    R(TOOL, "wget", "wget"),
    R(TOOL, "curl", "curl/"),
    R(TOOL, "curl", "libcurl"),
    R(TOOL, "curl", "pycurl/"),
    R(TOOL, "aria2", "aria2"),
    R(TOOL, "axel", "axel/"),
    R(TOOL, "axel", "axel "),
    R(TOOL, "yt-dlp", "yt-dlp"),
    R(TOOL, "youtube-dl", "youtube-dl"),
    R(TOOL, "streamlink", "streamlink"),
    R(TOOL, "n_m3u8dl", "n_m3u8dl"),
    R(TOOL, "ffmpeg", "lavf"),
    R(TOOL, "ffmpeg", "ffmpeg"),
    R(TOOL, "vlc", "vlc/"),
    R(TOOL, "vlc", "libvlc"),
    R(TOOL, "mpv", "mpv/"),
    R(TOOL, "mpv", "mpv "),
    R(TOOL, "mpv", "libmpv"),
    R(TOOL, "mplayer", "mplayer"),
    R(TOOL, "potplayer", "potplayer"),
    R(TOOL, "gstreamer", "gstreamer"),
    R(TOOL, "kodi", "kodi/"),
    R(TOOL, "okhttp", "okhttp/"),
    R(TOOL, "go-http-client", "go-http-client"),
    R(TOOL, "python-requests", "python-requests"),
    R(TOOL, "python-urllib", "python-urllib"),
    R(TOOL, "python-httpx", "python-httpx"),
    R(TOOL, "python-httpx", "httpx/"),
    R(TOOL, "aiohttp", "aiohttp/"),
    R(TOOL, "scrapy", "scrapy"),
    R(TOOL, "httpie", "httpie/"),
    R(TOOL, "axios", "axios/"),
    R(TOOL, "node-fetch", "node-fetch"),
    R(TOOL, "undici", "undici"),
    R(TOOL, "got", "got ("),
    R(TOOL, "apache-httpclient", "apache-httpclient"),
    R(TOOL, "java", "java/"),
    R(TOOL, "java", "java-http-client/"),
    R(TOOL, "libwww-perl", "libwww-perl"),
    R(TOOL, "libwww-perl", "lwp"),
    R(TOOL, "guzzle", "guzzlehttp"),
    R(TOOL, "reqwest", "reqwest"),
    R(TOOL, "powershell", "windowspowershell/"),
    R(TOOL, "powershell", "powershell/"),
    R(TOOL, "postman", "postmanruntime"),
    R(TOOL, "postman", "postman"),
    R(TOOL, "insomnia", "insomnia/"),
    R(TOOL, "idm", "idm/"),
    R(TOOL, "idm", "idman"),
    R(TOOL, "idm", "internet download manager"),
    R(TOOL, "fdm", "fdm/"),
    R(TOOL, "fdm", "free download manager"),
    R(TOOL, "thunder", "xunlei"),
    R(TOOL, "thunder", "thunder/"),
    R(TOOL, "thunder", "thunder "),
    R(TOOL, "thunder", "thunderdownload"),
    R(TOOL, "flashget", "flashget"),
    R(TOOL, "jdownloader", "jdownloader"),
    R(TOOL, "motrix", "motrix"),
    R(TOOL, "httrack", "httrack"),

    R(MOBILE, "qq", "mqqbrowser"),
    R(MOBILE, "qq", "qq/", ON_MOBILE),
    R(MOBILE, "qq", "qqbrowser/", ON_MOBILE),
    R(MOBILE, "uc", "ucbrowser"),
    R(MOBILE, "uc", "ucweb"),
    R(MOBILE, "baidu", "baiduboxapp"),
    R(MOBILE, "baidu", "baidubrowser", ON_MOBILE),
    R(MOBILE, "baidu", "bdbrowser", ON_MOBILE),
    R(MOBILE, "sogou", "sogoumobilebrowser"),
    R(MOBILE, "sogou", "sogou", ON_MOBILE),
    R(MOBILE, "edge_mobile", "edga/"),
    R(MOBILE, "edge_mobile", "edgios/"),
    R(MOBILE, "edge_mobile", "edge/", ON_MOBILE),
    R(MOBILE, "firefox_mobile", "fxios/"),
    R(MOBILE, "firefox_mobile", "firefox/", ON_MOBILE),
    R(MOBILE, "opera", "opios/"),
    R(MOBILE, "opera", "opt/", ON_MOBILE),
    R(MOBILE, "opera", "opr/", ON_MOBILE),
    R(MOBILE, "opera", "opera mini"),
    R(MOBILE, "opera", "opera mobi"),
    R(MOBILE, "chrome_mobile", "crios/"),
    R(MOBILE, "chrome_mobile", "chrome/", ON_MOBILE),
    R(MOBILE, "safari_mobile", "safari/", ON_IOS),
    R(MOBILE, "safari_mobile", "applecoremedia/", ON_IOS), /* the player inside Safari */
    R(MOBILE, "generic_mobile", "android"),
    R(MOBILE, "generic_mobile", "iphone"),
    R(MOBILE, "generic_mobile", "ipad"),
    R(MOBILE, "generic_mobile", "ipod"),
    R(MOBILE, "generic_mobile", "mobile"),
    R(MOBILE, "generic_mobile", "windows phone"),
    R(MOBILE, "generic_mobile", "blackberry"),
    R(MOBILE, "generic_mobile", "exoplayerlib/"),
    R(MOBILE, "generic_mobile", "androidxmedia3/"),

    R(DESKTOP, "qq", "qqbrowser/"),
    R(DESKTOP, "uc", "ubrowser/"),
    R(DESKTOP, "baidu", "bidubrowser"),
    R(DESKTOP, "baidu", "baidubrowser"),
    R(DESKTOP, "sogou", "metasr"),
    R(DESKTOP, "sogou", "sogou"),
    R(DESKTOP, "edge", "edg/"),
    R(DESKTOP, "edge", "edge/"),
    R(DESKTOP, "opera", "opr/"),
    R(DESKTOP, "opera", "opera"),
    R(DESKTOP, "firefox", "firefox/"),
    R(DESKTOP, "chrome", "chrome/"),
    R(DESKTOP, "chrome", "chromium/"),
    R(DESKTOP, "chrome", "headlesschrome/"),
    R(DESKTOP, "safari", "safari/"),
    R(DESKTOP, "safari", "applecoremedia/"),
    R(DESKTOP, "generic_desktop", "windows nt"),
    R(DESKTOP, "generic_desktop", "macintosh"),
    R(DESKTOP, "generic_desktop", "x11"),
    R(DESKTOP, "generic_desktop", "cros"),
    R(DESKTOP, "generic_desktop", "linux"),
/* clang-format on */
#undef R
};

static const struct str mobile_words[] = {STR("mobile"), STR("android"), STR("iphone"),
                                          STR("ipad"),   STR("ipod"),    STR("windows phone")};
static const struct str ios_words[] = {STR("iphone"), STR("ipad"), STR("ipod")};

/* A User-Agent in lower case, and where its words begin. */
struct words {
    char text[UA_MAX];
    uint16_t begin[WORDS_MAX];
    unsigned n, count;
    uint32_t initials; /* which letters words begin with: most rows are passed over by this alone */
};

static bool is_word_char(char lower)
{
    return (lower >= 'a' && lower <= 'z') || ascii_is_digit(lower);
}

static uint32_t initial_bit(char lower)
{
    return lower >= 'a' && lower <= 'z' ? UINT32_C(1) << (lower - 'a') : 0;
}

static void words_split(struct str user_agent, struct words *ret)
{
    bool was_word_char = false;

    ret->n = (unsigned)MIN(user_agent.n, (size_t)UA_MAX);
    ret->count = 0;
    ret->initials = 0;
    for (unsigned i = 0; i < ret->n; i++) {
        char c = ascii_lower(user_agent.p[i]);
        bool is_begin = !was_word_char && initial_bit(c) != 0;

        ret->text[i] = c;
        was_word_char = is_word_char(c);
        if (is_begin && ret->count < WORDS_MAX) {
            ret->begin[ret->count++] = (uint16_t)i;
            ret->initials |= initial_bit(c);
        }
    }
}

static bool words_have(const struct words *w, struct str word)
{
    if ((w->initials & initial_bit(word.p[0])) == 0)
        return false;
    for (unsigned i = 0; i < w->count; i++) {
        const char *at = w->text + w->begin[i];

        if (*at == word.p[0] && w->n - w->begin[i] >= word.n && memcmp(at, word.p, word.n) == 0)
            return true;
    }
    return false;
}

static bool words_have_any(const struct words *w, const struct str *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (words_have(w, words[i]))
            return true;
    return false;
}

static bool is_on(const struct words *w, enum platform platform)
{
    switch (platform) {
    case ANY:
        return true;
    case ON_MOBILE:
        return words_have_any(w, mobile_words, ARRAY_LEN(mobile_words));
    case ON_IOS:
        return words_have_any(w, ios_words, ARRAY_LEN(ios_words));
    default:
        WRONG("platform");
    }
}

struct browser browser_detect(struct str user_agent)
{
    struct words w;

    words_split(user_agent, &w);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (words_have(&w, rows[i].word) && is_on(&w, rows[i].platform))
            return (struct browser){rows[i].type, rows[i].name};
    return (struct browser){BROWSER_UNKNOWN, STR("unknown")};
}

struct str browser_type_name(enum browser_type type)
{
    static const struct str names[BROWSER_TYPE_COUNT] = {
#define X(name, text) [BROWSER_##name] = STR(text),
        BROWSER_TYPES(X)
#undef X
    };

    assert((unsigned)type < BROWSER_TYPE_COUNT);
    return names[type];
}
