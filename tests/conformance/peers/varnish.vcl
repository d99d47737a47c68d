# Varnish as it comes, but without the defaults that are for sites which name no freshness (two minutes for everything, ten
# seconds of grace), and keeping what went stale for an hour so that it can be validated.
vcl 4.1;

backend default {
    .host = "127.0.0.1";
    .port = "@ORIGIN@";
}

sub vcl_backend_response {
    set beresp.grace = 0s;
    set beresp.keep = 1h;
    if (!beresp.http.Cache-Control && !beresp.http.Expires) {
        set beresp.ttl = 0s;
    }
}
