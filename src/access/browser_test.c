#include "access/browser.h"

#include "base/mem.h"
#include "base/test.h"

#define WIN "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "
#define MAC "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
#define IPHONE "Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) "
#define PIXEL "Mozilla/5.0 (Linux; Android 13; Pixel 7) "
#define BLINK "AppleWebKit/537.36 (KHTML, like Gecko) "
#define WEBKIT "AppleWebKit/605.1.15 (KHTML, like Gecko) "

static const struct {
    const char *user_agent, *type, *name;
} rows[] = {
    /* clang-format off */
    {WIN BLINK "Chrome/119.0.0.0 Safari/537.36", "desktop_browser", "chrome"},
    {WIN BLINK "Chrome/119.0.0.0 Safari/537.36 Edg/119.0.2151.58", "desktop_browser", "edge"},
    {WIN BLINK "Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763", "desktop_browser", "edge"},
    {WIN BLINK "Chrome/118.0.0.0 Safari/537.36 OPR/104.0.0.0", "desktop_browser", "opera"},
    {"Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18", "desktop_browser", "opera"},
    {"Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/119.0", "desktop_browser", "firefox"},
    {"Mozilla/5.0 (X11; Linux x86_64) " BLINK "HeadlessChrome/119.0.6045.105 Safari/537.36", "desktop_browser", "chrome"},
    {"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) " BLINK "Chrome/119.0.0.0 Safari/537.36", "desktop_browser", "chrome"},
    {MAC WEBKIT "Version/17.1 Safari/605.1.15", "desktop_browser", "safari"},
    {"AppleCoreMedia/1.0.0.21G115 (Macintosh; U; Intel Mac OS X 12_5; en_us)", "desktop_browser", "safari"},
    {WIN BLINK "Chrome/94.0.4606.71 Safari/537.36 Core/1.94.188.400 QQBrowser/11.4.5226.400", "desktop_browser", "qq"},
    {WIN BLINK "Chrome/55.0.2883.87 UBrowser/6.2.4098.3 Safari/537.36", "desktop_browser", "uc"},
    {WIN BLINK "Chrome/47.0.2526.108 Safari/537.36 BIDUBrowser/8.7", "desktop_browser", "baidu"},
    {WIN BLINK "Chrome/80.0.3987.87 Safari/537.36 SE 2.X MetaSr 1.0", "desktop_browser", "sogou"},
    {"Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", "desktop_browser", "generic_desktop"},
    {"Mozilla/5.0 (X11; Linux x86_64; rv:102.0) Gecko/20100101 Thunderbird/102.11.0", "desktop_browser", "generic_desktop"},

    {PIXEL BLINK "Chrome/119.0.0.0 Mobile Safari/537.36", "mobile_browser", "chrome_mobile"},
    {"Mozilla/5.0 (Linux; Android 12; SM-T870) " BLINK "Chrome/119.0.0.0 Safari/537.36", "mobile_browser", "chrome_mobile"},
    {IPHONE WEBKIT "CriOS/119.0.6045.109 Mobile/15E148 Safari/604.1", "mobile_browser", "chrome_mobile"},
    {IPHONE WEBKIT "Version/16.6 Mobile/15E148 Safari/604.1", "mobile_browser", "safari_mobile"},
    {"Mozilla/5.0 (iPad; CPU OS 12_5_7 like Mac OS X) " WEBKIT "Version/12.1.2 Mobile/15E148 Safari/604.1", "mobile_browser", "safari_mobile"},
    {"AppleCoreMedia/1.0.0.20G75 (iPhone; U; CPU OS 16_6 like Mac OS X; en_us)", "mobile_browser", "safari_mobile"},
    {"AppleCoreMedia/1.0.0.20G75 (iPad; U; CPU OS 16_6 like Mac OS X; en_us)", "mobile_browser", "safari_mobile"},
    {PIXEL BLINK "Chrome/119.0.0.0 Mobile Safari/537.36 EdgA/119.0.2151.46", "mobile_browser", "edge_mobile"},
    {IPHONE WEBKIT "Version/16.0 EdgiOS/119.0.2151.65 Mobile/15E148 Safari/604.1", "mobile_browser", "edge_mobile"},
    {"Mozilla/5.0 (Android 13; Mobile; rv:109.0) Gecko/119.0 Firefox/119.0", "mobile_browser", "firefox_mobile"},
    {IPHONE WEBKIT "FxiOS/119.0 Mobile/15E148 Safari/605.1.15", "mobile_browser", "firefox_mobile"},
    {PIXEL BLINK "Chrome/118.0.5993.80 Mobile Safari/537.36 OPR/78.5.4143.75910", "mobile_browser", "opera"},
    {"Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; en) Presto/2.8.119", "mobile_browser", "opera"},
    {"Mozilla/5.0 (Linux; U; Android 10; zh-cn; MI 9) " BLINK "Version/4.0 Chrome/66.0.3359.126 MQQBrowser/10.1 Mobile Safari/537.36", "mobile_browser", "qq"},
    {IPHONE WEBKIT "Version/16.0 MQQBrowser/14.2.1 Mobile/15E148 Safari/604.1 QBWebViewUA/2", "mobile_browser", "qq"},
    {IPHONE WEBKIT "Mobile/15E148 QQ/8.9.50.611 V1_IPH_SQ_8.9.50", "mobile_browser", "qq"},
    {"Mozilla/5.0 (Linux; U; Android 11; en-US; RMX2030) " BLINK "Version/4.0 Chrome/100.0.4896.58 UCBrowser/13.4.0.1306 Mobile Safari/537.36", "mobile_browser", "uc"},
    {"UCWEB/2.0 (Java; U; MIDP-2.0; Nokia203/20.37) U2/1.0.0 UCMini/10.9.8", "mobile_browser", "uc"},
    {"Mozilla/5.0 (Linux; Android 10; V1838A) " BLINK "Version/4.0 Chrome/76.0.3809.89 Mobile Safari/537.36 T7/12.10 baiduboxapp/12.10.0.10", "mobile_browser", "baidu"},
    {"Mozilla/5.0 (Linux; U; Android 4.4; zh-cn) " BLINK "Version/4.0 Mobile Safari/534.24 baidubrowser/7.3.14.0", "mobile_browser", "baidu"},
    {PIXEL BLINK "Version/4.0 Chrome/83.0.4103.106 Mobile Safari/537.36 SogouMSE,SogouMobileBrowser/5.28.12", "mobile_browser", "sogou"},
    {"Mozilla/5.0 (Linux; U; Android 4.0.3; de-de; GT-I9100) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30", "mobile_browser", "generic_mobile"},
    {IPHONE WEBKIT "Mobile/15E148 MicroMessenger/8.0.42", "mobile_browser", "generic_mobile"},
    {"MyTV/1.0 (Linux;Android 11) ExoPlayerLib/2.14.1", "mobile_browser", "generic_mobile"},
    {"Demo/2.18 ExoPlayerLib/2.18.1", "mobile_browser", "generic_mobile"},
    {"stagefright/1.2 (Linux;Android 9)", "mobile_browser", "generic_mobile"},

    {"Wget/1.21.3", "download_tool", "wget"},
    {"curl/7.88.1", "download_tool", "curl"},
    {"CURL/7.88.1", "download_tool", "curl"},
    {"libcurl-agent/1.0", "download_tool", "curl"},
    {"PycURL/7.45.1 libcurl/7.68.0", "download_tool", "curl"},
    {"aria2/1.36.0", "download_tool", "aria2"},
    {"yt-dlp/2023.10.13", "download_tool", "yt-dlp"},
    {"youtube-dl/2021.12.17", "download_tool", "youtube-dl"},
    {"Lavf/60.3.100", "download_tool", "ffmpeg"},
    {"Lavf53.32.100", "download_tool", "ffmpeg"},
    {"VLC/3.0.18 LibVLC/3.0.18", "download_tool", "vlc"},
    {"mpv 0.35.1", "download_tool", "mpv"},
    {"libmpv", "download_tool", "mpv"},
    {"okhttp/4.11.0", "download_tool", "okhttp"},
    {"Go-http-client/1.1", "download_tool", "go-http-client"},
    {"python-requests/2.31.0", "download_tool", "python-requests"},
    {"Python-urllib/3.11", "download_tool", "python-urllib"},
    {"Python/3.11 aiohttp/3.8.5", "download_tool", "aiohttp"},
    {"python-httpx/0.25.0", "download_tool", "python-httpx"},
    {"axios/1.6.0", "download_tool", "axios"},
    {"node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", "download_tool", "node-fetch"},
    {"Java/17.0.8", "download_tool", "java"},
    {"Java-http-client/17.0.8", "download_tool", "java"},
    {"Apache-HttpClient/4.5.14 (Java/11.0.20)", "download_tool", "apache-httpclient"},
    {"libwww-perl/6.67", "download_tool", "libwww-perl"},
    {"PostmanRuntime/7.35.0", "download_tool", "postman"},
    {"Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1) IDM/6.41", "download_tool", "idm"},
    {"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1) Thunder/7.9", "download_tool", "thunder"},
    {"Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1682", "download_tool", "powershell"},
    {PIXEL BLINK "Chrome/119.0.0.0 Mobile Safari/537.36 curl/8", "download_tool", "curl"}, /* tools first */

    {"", "unknown", "unknown"},
    {"x", "unknown", "unknown"},
    {"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "unknown", "unknown"},
    {"notcurl/1 rejava/2 xchrome/3", "unknown", "unknown"}, /* inside a word */
    {"curl", "unknown", "unknown"},                         /* cut short */
    /* clang-format on */
};

static void test_real_user_agents(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct browser b = browser_detect(str_of(rows[i].user_agent));

        if (!str_eq(browser_type_name(b.type), str_of(rows[i].type)) ||
            !str_eq(b.name, str_of(rows[i].name)))
            fail_msg("%s: got %.*s %.*s, want %s %s", rows[i].user_agent,
                     STR_FMT(browser_type_name(b.type)), STR_FMT(b.name), rows[i].type,
                     rows[i].name);
    }
    assert_int_equal(browser_detect(STR_NONE).type, BROWSER_UNKNOWN);
}

/* Every prefix, in memory of exactly its length: no word is read past the end. */
static void test_every_prefix(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t whole = strlen(rows[i].user_agent);

        for (size_t n = 0; n <= whole; n++) {
            char *copy = xmemdup(rows[i].user_agent, n);

            assert_true(browser_detect((struct str){copy, n}).name.n > 0);
            free(copy);
        }
    }
}

static void test_huge(void **state)
{
    static char text[100000];

    memset(text, ' ', sizeof text);
    memcpy(text, "curl/8", 6);
    assert_str(browser_detect((struct str){text, sizeof text}).name, "curl");
    memcpy(text, "      ", 6);
    memcpy(text + sizeof text - 6, "curl/8", 6); /* past what is looked at */
    assert_str(browser_detect((struct str){text, sizeof text}).name, "unknown");
    for (size_t i = 0; i + 1 < sizeof text; i += 2)
        memcpy(text + i, "c ", 2);
    assert_str(browser_detect((struct str){text, sizeof text}).name, "unknown");
}

TEST_MAIN(cmocka_unit_test(test_real_user_agents), cmocka_unit_test(test_every_prefix),
          cmocka_unit_test(test_huge))
