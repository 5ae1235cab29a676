"use strict";
/*
 * What tests/e2e/test_browser.py asks of the page. The stream comes from another origin, with cookies or without; the
 * video is marked so that its pictures may be looked at, which the browser forbids unless CORS allowed every byte.
 */
const video = document.querySelector("video");
let hls = null;

/* The next event of this name; an error of the player instead is the end. */
function heard(name) {
    return new Promise((resolve, reject) => {
        video.addEventListener(name, resolve, { once: true });
        video.addEventListener("error", () => reject(new Error(video.error.message)), { once: true });
        hls?.on(Hls.Events.ERROR, (_, e) => e.fatal && reject(new Error(`${e.details}: ${e.error}`)));
    });
}

/* Ready to play; what the browser can do alone. */
async function openNative(url, withCookies) {
    const ready = heard("canplay");

    video.crossOrigin = withCookies ? "use-credentials" : "anonymous";
    video.src = url;
    await ready;
}

/* Ready to play, the rendition `level` alone (counted from the smallest) or, -1, what hls.js thinks best. */
async function openHlsJs(url, withCookies, level, options) {
    hls = new Hls({ ...options, startLevel: level, xhrSetup: (xhr) => { xhr.withCredentials = withCookies; } });
    const ready = heard("canplay");

    hls.on(Hls.Events.MANIFEST_PARSED, () => { hls.loadLevel = level; });
    hls.loadSource(url);
    hls.attachMedia(video);
    await ready;
}

async function seek(seconds) {
    const there = heard("seeked");

    video.currentTime = seconds;
    await there;
}

/* What is to be seen now: `width` x `height` pixels, red, green and blue of each. */
function picture(width, height) {
    const canvas = new OffscreenCanvas(width, height).getContext("2d");

    canvas.drawImage(video, 0, 0, width, height);
    return [...canvas.getImageData(0, 0, width, height).data].filter((_, i) => i % 4 != 3);
}

/* From the beginning to the end; what has been played. */
async function playAll(rate) {
    const end = heard("ended");

    await seek(0);
    video.playbackRate = rate;
    await video.play();
    await end;
    return {
        size: [video.videoWidth, video.videoHeight],
        from: video.played.start(0),
        to: video.played.end(video.played.length - 1),
        duration: video.duration,
        pictures: video.getVideoPlaybackQuality().totalVideoFrames,
        sound: video.webkitAudioDecodedByteCount,
    };
}
