<?php
// The Authorization header of a signed request, with plain PHP (8 or newer).
//   TUILA_CLIENT=… TUILA_SECRET=… php sign.php METHOD TARGET [TIMESTAMP NONCE] < BODY
declare(strict_types=1);

/** Percent escapes decoded, then everything but A-Z a-z 0-9 - . _ ~ encoded. */
function canonical(string $text): string
{
    return rawurlencode(rawurldecode($text));
}

function authorization(
    string $client, string $secret, string $method, string $target, string $body, string $timestamp, string $nonce
): string {
    [$path, $query] = explode('?', $target, 2) + [1 => ''];
    $path = implode('/', array_map('canonical', explode('/', $path))) ?: '/';
    $pairs = [];
    foreach (array_filter(explode('&', $query), fn ($part) => $part !== '') as $part) {
        [$name, $value] = explode('=', str_replace('+', '%20', $part), 2) + [1 => ''];
        $pairs[] = [canonical($name), canonical($value)];
    }
    usort($pairs, fn ($a, $b) => strcmp($a[0], $b[0]) ?: strcmp($a[1], $b[1]));
    $query = implode('&', array_map(fn ($pair) => "$pair[0]=$pair[1]", $pairs));
    $lines = implode("\n", [$method, $path, $query, $timestamp, $nonce, hash('sha256', $body)]);
    $key = hash_hmac('sha256', 'tuila.signing-key.v1', $secret, true);
    $signature = hash_hmac('sha256', $lines, $key);
    return "Tuila-HMAC-SHA256 client=$client, timestamp=$timestamp, nonce=$nonce, signature=$signature";
}

$timestamp = $argv[3] ?? (string) time();
$nonce = $argv[4] ?? bin2hex(random_bytes(16));
$body = file_get_contents('php://stdin');
echo authorization(getenv('TUILA_CLIENT'), getenv('TUILA_SECRET'), $argv[1], $argv[2], $body, $timestamp, $nonce), "\n";
