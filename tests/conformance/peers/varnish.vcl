# Varnish as it comes, but without the two defaults that are for sites which name no freshness: two minutes for everything,
# and ten seconds of grace.
vcl 4.1;

backend default {
    .host = "127.0.0.1";
    .port = "@ORIGIN@";
}

sub vcl_backend_response {
    set beresp.grace = 0s;
    if (!beresp.http.Cache-Control && !beresp.http.Expires) {
        set beresp.ttl = 0s;
    }
}
