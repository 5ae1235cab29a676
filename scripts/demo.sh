#!/bin/sh
# Makes a demo stream with ffmpeg: a moving test picture with a tone, in segments of 6 s.
#
#   FOLDER/2026-01-01/demo/master.m3u8   the two renditions below
#                          hd/, sd/      MPEG-TS, AES-128, each with its key at enc.key
#                          fmp4/         the small one as fMP4, in the clear: ffmpeg's muxer does not encrypt fMP4
#
# fmp4/ is not in the master playlist: Chromium's own player stops where a switch would change the container.
set -eu

root=${1:?usage: demo.sh FOLDER [SECONDS]}
seconds=${2:-60}
stream=$root/2026-01-01/demo
work=$stream.new

rm -rf "$work"
mkdir -p "$work/hd" "$work/sd" "$work/fmp4"
trap 'rm -rf "$work"' EXIT

for name in hd sd; do
    openssl rand 16 >"$work/$name/enc.key"
    printf '%s\n' enc.key "$work/$name/enc.key" "$(openssl rand -hex 16)" >"$work/$name.key_info"
done

# One key frame each 2 s, so that every segment is exactly 6 s long in all renditions.
rendition() { # SIZE LEVEL VIDEO_BITRATE
    printf '%s ' -s "$1" -c:v libx264 -preset veryfast -profile:v main -level "$2" -pix_fmt yuv420p \
        -b:v "$3" -maxrate "$3" -bufsize "$3" -g 50 -keyint_min 50 -sc_threshold 0 \
        -c:a aac -b:a 96k -ac 2 -f hls -hls_time 6 -hls_playlist_type vod
}

# shellcheck disable=SC2046  # one word per option
ffmpeg -nostdin -hide_banner -loglevel error -y \
    -f lavfi -i "testsrc2=size=1280x720:rate=25:duration=$seconds" \
    -f lavfi -i "sine=frequency=440:beep_factor=4:duration=$seconds" \
    $(rendition 1280x720 3.1 1500k) -hls_key_info_file "$work/hd.key_info" \
    -hls_segment_filename "$work/hd/s%03d.ts" "$work/hd/index.m3u8" \
    $(rendition 640x360 3.0 500k) -hls_key_info_file "$work/sd.key_info" \
    -hls_segment_filename "$work/sd/s%03d.ts" "$work/sd/index.m3u8" \
    $(rendition 640x360 3.0 500k) -hls_segment_type fmp4 -hls_fmp4_init_filename init.mp4 \
    -hls_segment_filename "$work/fmp4/s%03d.m4s" "$work/fmp4/index.m3u8"
rm "$work"/*.key_info

cat >"$work/master.m3u8" <<'MASTER'
#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=1800000,RESOLUTION=1280x720,FRAME-RATE=25.000,CODECS="avc1.4d401f,mp4a.40.2"
hd/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=700000,RESOLUTION=640x360,FRAME-RATE=25.000,CODECS="avc1.4d401e,mp4a.40.2"
sd/index.m3u8
MASTER

# Whole or not at all: an interrupted run leaves no half-made stream behind.
rm -rf "$stream"
mv "$work" "$stream"
